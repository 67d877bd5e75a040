"""What is asked of the predictor on a workload, and what it answers beside the figures."""

from typing import Final, Literal, get_args

from msgspec import Struct, field

from charter_engine.bls.retention import DecideAt, ReleaseWhen
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Policy
from charter_engine.contracts.pool import Eviction, OtherPool
from charter_engine.contracts.prediction import PredictReport
from charter_engine.contracts.workload_files import ReadAs

SettingValues = dict[str, int | bool | str]
"""One setting of the block manager, by TensorRT-LLM's names; `gpu_tokens` and `host_tokens` give a
pool's size whatever the block size. What is left out is as assumed."""


SWEPT_NUMBERS: Final = (
    "tokens_per_block",
    "gpu_blocks",
    "host_blocks",
    "gpu_tokens",
    "host_tokens",
    "offload_min_priority",
    "max_num_turns",
    "max_batch_size",
)
SWEPT_SWITCHES: Final = ("reuse", "partial_reuse", "copy_on_partial_reuse", "protect_sessions")
SWEPT_WORDS: Final = {
    "eviction": get_args(Eviction),
    "scheduler_policy": ("guaranteed_no_evict", "max_utilization"),
}
SWEPT_SETTINGS: Final = (*SWEPT_NUMBERS, *SWEPT_SWITCHES, *SWEPT_WORDS)
"""The settings that can be typed: whole numbers, switches, and those with words of their own."""


OTHER_POOLS: Final[dict[OtherPool, SettingValues]] = {
    "v2": {"eviction": "v2"},
    "v2-per-conversation": {"eviction": "v2", "max_num_turns": 1, "host_blocks": 0},
    "vllm": {"eviction": "vllm", "host_blocks": 0},
    "sglang": {"eviction": "sglang", "host_blocks": 0},
    "sglang-sessions": {"eviction": "sglang", "protect_sessions": True, "host_blocks": 0},
}
"""Pools of other managers to compare with, and what is another setting in each. Of the last four no
host tier is modelled."""


class PredictRequest(Struct, frozen=True, kw_only=True):
    """What settings would do on a workload. An empty text is nothing given.

    Every one of `settings` is predicted, and with `policies` each under every policy and under
    `default`. `release` is what the server is told to forget; None: as the plan says, else never.
    `pools` names those of `OTHER_POOLS` to predict each setting in as well. `read_as` is for the
    workload and for `learn_from`. `plan` is a plan file whose retention the requests ask for,
    instead of policies. `waits` or `learn_from` (other sessions) tell what `next-use` decides by;
    without them three quarters of the sessions teach the fourth. `timing` None: over simulated
    time, unless that takes minutes. Times are those of the calibration in `latency`, else of
    `model` on `device`. Settings are predicted in `jobs` processes (None: one a core), or by the
    workers of the Dask scheduler at the address `dask`.
    """

    workload: str
    strict: bool = False
    read_as: ReadAs = ReadAs()
    settings: tuple[SettingValues, ...] = ({},)
    plan: str = ""
    release: ReleaseWhen | None = None
    policies: tuple[Policy, ...] = ()
    pools: tuple[OtherPool, ...] = ()
    reuse_times: str = field(default="", name="waits")
    learn_from: str = ""
    decide_at: DecideAt = "sent"
    timing: Literal["instant", "timed"] | None = None
    curve: bool = False
    bracket: bool = True
    model: str = "llama-3.1-8b"
    device: str = "h100"
    latency: str = ""
    jobs: int | None = None
    dask: str = ""


class PredictResult(Struct, frozen=True, kw_only=True):
    """The predictions, and what an operator should know beside them."""

    report: PredictReport
    notes: tuple[Note, ...] = ()
