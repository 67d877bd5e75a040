"""A setting one step up or down from what it is, as text that the engine reads."""

from collections.abc import Callable
from typing import Final, get_args

from charter_engine.contracts.plan import DEFAULT_PRIORITY, SchedulerPolicy
from charter_engine.contracts.settings import LARGEST_BLOCK, MAX_PRIORITY, SETTING_OF, ValueKind
from charter_tui.present.graph_table import node_plan
from charter_tui.state import Snapshot

SMALLEST_BLOCK: Final = 2
"""Derived: the smallest power of two above one."""
FRACTION_STEP: Final = 0.05
"""Assumed: twenty steps from nought to one."""
GIBIBYTE: Final = 1 << 30
TOKEN_SHARE: Final = 0.1
PRIORITY_STEP: Final = 5
"""Assumed: twenty steps from 0 to 100, and a tenth of a pool: what a step changes can be seen."""


class NoStep(Exception):
    """There is nothing to step from; the message says why."""


def stepped(snapshot: Snapshot, key: str, by: int) -> str:
    """A server setting one step up or down from the draft's value, or from what is served. Raises
    `NoStep` where nobody tells the value."""
    setting = SETTING_OF[key]
    return _STEPS[setting.kind](_value(snapshot, key), by)


def stepped_priority(snapshot: Snapshot, node: str, by: int) -> tuple[int | None, int]:
    """The retention range of a node that is kept most, and its priority one step up or down; None
    for one range over the whole prompt, where there is none yet."""
    ranges = node_plan(snapshot.draft_plan, node).retention
    if not ranges:
        return None, _within(DEFAULT_PRIORITY + by * PRIORITY_STEP)
    highest = max(range(len(ranges)), key=lambda index: ranges[index].priority)
    return highest, _within(ranges[highest].priority + by * PRIORITY_STEP)


def _within(priority: int) -> int:
    return max(0, min(MAX_PRIORITY, priority))


def _value(snapshot: Snapshot, key: str) -> str:
    drafted = getattr(snapshot.draft_plan.server, key) if snapshot.draft_plan else None
    if drafted is not None:
        return str(drafted)
    profile = snapshot.session.profile if snapshot.session else None
    pool = snapshot.triton.sample.kv_pool if snapshot.triton else None
    if key == "tokens_per_block" and profile is not None and profile.tokens_per_block:
        return str(profile.tokens_per_block)
    if profile is not None and (served := profile.parameters.get(key)):
        return served
    if key == "max_tokens_in_paged_kv_cache" and pool is not None:
        return str(pool.tokens)
    if key == "kv_cache_host_memory_bytes":
        return "0"
    raise NoStep(f"The server does not report {key}: type a value.")


def _block_size(text: str, by: int) -> str:
    size = int(text) * 2 if by > 0 else int(text) // 2
    return str(max(SMALLEST_BLOCK, min(LARGEST_BLOCK, size)))


def _fraction(text: str, by: int) -> str:
    stepped = round(float(text) + by * FRACTION_STEP, 2)
    return f"{max(FRACTION_STEP, min(1 - FRACTION_STEP, stepped)):g}"


def _tokens(text: str, by: int) -> str:
    return str(max(1, round(int(text) * (1 + by * TOKEN_SHARE))))


def _bytes(text: str, by: int) -> str:
    return str(max(0, (int(text) // GIBIBYTE + by) * GIBIBYTE))


def _policy(text: str, by: int) -> str:
    policies = get_args(SchedulerPolicy)
    at = policies.index(text) if text in policies else 0
    return str(policies[(at + by) % len(policies)])


_STEPS: Final[dict[ValueKind, Callable[[str, int], str]]] = {
    "block size": _block_size,
    "switch": lambda text, _: "false" if text.lower() in ("true", "1") else "true",
    "fraction": _fraction,
    "tokens": _tokens,
    "bytes": _bytes,
    "scheduler policy": _policy,
}
