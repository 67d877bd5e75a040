"""The server settings a plan can hold: what each means, what is legal, and what changing it costs.

Names, legal values and costs are TensorRT-LLM's and Triton's: the engine path's `parameters`, and
the engine's plugin configuration.
"""

from typing import Final, Literal

from msgspec import Struct

from charter_engine.bls.retention import MAX_DURATION_MS, MAX_PRIORITY
from charter_engine.contracts.deploy import CostClass

__all__ = [
    "LARGEST_BLOCK",
    "MAX_DURATION_MS",
    "MAX_PRIORITY",
    "SERVER_SETTINGS",
    "SETTING_OF",
    "UNTIL_EVICTED",
    "ServerSetting",
    "ValueKind",
]

LARGEST_BLOCK = 1024
"""Assumed: TensorRT-LLM names no bound; a larger block shares hardly anything."""
UNTIL_EVICTED = -1
"""The wire's word for "no duration", since an absent field means "leave it alone"."""

ValueKind = Literal["block size", "switch", "fraction", "tokens", "bytes", "scheduler policy"]
"""How the text of a value is read: see `plan.settings`."""


class ServerSetting(Struct, frozen=True, kw_only=True):
    """One setting. `about` says in a few words what it sets, and `hint` what may be typed.

    `cost` is that of a change on the engine path, `llmapi_cost` on the llmapi path. A setting with
    `is_parameter` is one of the engine model's parameters; others are part of the engine's build.
    """

    key: str
    kind: ValueKind
    about: str
    hint: str
    cost: CostClass = "engine reload"
    llmapi_cost: CostClass = "engine reload"
    is_parameter: bool = True


SERVER_SETTINGS: Final = (
    ServerSetting(
        key="tokens_per_block",
        kind="block size",
        about="tokens in a KV block",
        hint="tokens in a KV block: a power of two",
        cost="engine rebuild",
        is_parameter=False,
    ),
    ServerSetting(
        key="enable_kv_cache_reuse",
        kind="switch",
        about="prefix reuse, on or off",
        hint="true or false",
    ),
    ServerSetting(
        key="kv_cache_free_gpu_mem_fraction",
        kind="fraction",
        about="free memory for the pool",
        hint="share of free memory: 0 to 1",
    ),
    ServerSetting(
        key="max_tokens_in_paged_kv_cache",
        kind="tokens",
        about="the pool's bound in tokens",
        hint="upper bound of the KV pool in tokens",
    ),
    ServerSetting(
        key="kv_cache_host_memory_bytes",
        kind="bytes",
        about="host memory to offload to",
        hint="for offloaded blocks: 10GB, 0 is off",
    ),
    ServerSetting(
        key="kv_cache_onboard_blocks",
        kind="switch",
        about="copy offloaded blocks back",
        hint="true or false",
    ),
    ServerSetting(
        key="batch_scheduler_policy",
        kind="scheduler policy",
        about="who waits when it is full",
        hint="guaranteed_no_evict or max_utilization",
    ),
    ServerSetting(
        key="enable_chunked_context",
        kind="switch",
        about="prefill in chunks",
        hint="true or false",
    ),
)
SETTING_OF: Final = {setting.key: setting for setting in SERVER_SETTINGS}
"""The settings by their names, in the order in which they are shown."""
