"""The exact model of TensorRT-LLM's KV cache manager, and predictions made with it.

Names are imported when they are first used, so that what needs a small part does not load the rest.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charter_engine.bls.retention import InvalidRetention, Retention, TokenRange
    from charter_engine.kvcache.manager.block_manager import BlockManager
    from charter_engine.kvcache.manager.errors import (
        DuplicateRequest,
        KVCacheError,
        OutOfBlocks,
        UnknownRequest,
    )
    from charter_engine.kvcache.manager.events import (
        Created,
        Event,
        EventDiff,
        Removed,
        Stored,
        StoredBlock,
        Updated,
    )
    from charter_engine.kvcache.manager.records import Admission, BlockCopy, Counters, Lookup
    from charter_engine.kvcache.manager.settings import PoolSettings

_MODULES = {
    "bls.retention": ("InvalidRetention", "Retention", "TokenRange"),
    "kvcache.manager.block_manager": ("BlockManager",),
    "kvcache.manager.errors": (
        "DuplicateRequest",
        "KVCacheError",
        "OutOfBlocks",
        "UnknownRequest",
    ),
    "kvcache.manager.events": (
        "Created",
        "Event",
        "EventDiff",
        "Removed",
        "Stored",
        "StoredBlock",
        "Updated",
    ),
    "kvcache.manager.records": ("Admission", "BlockCopy", "Counters", "Lookup"),
    "kvcache.manager.settings": ("PoolSettings",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Admission",
    "BlockCopy",
    "BlockManager",
    "Counters",
    "Created",
    "DuplicateRequest",
    "Event",
    "EventDiff",
    "InvalidRetention",
    "KVCacheError",
    "Lookup",
    "OutOfBlocks",
    "PoolSettings",
    "Removed",
    "Retention",
    "Stored",
    "StoredBlock",
    "TokenRange",
    "UnknownRequest",
    "Updated",
]


def __getattr__(name: str) -> object:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"charter_engine.{_MODULE_OF[name]}"), name)
