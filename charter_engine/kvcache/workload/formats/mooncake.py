"""Requests as Mooncake publishes them (kvcache-ai/Mooncake, FAST25-release/traces), and what
Charter adds to them: one a line, with the lengths and the ids of 512-token prefix blocks or of
tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import batch_of
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, Format, ReadOptions


class MooncakeLine(WorkloadRequest, frozen=True, kw_only=True, gc=False):
    """A request that the garbage collector need not look at: nothing in it can refer back to it."""


class MooncakeReader:
    """Takes many lines at once."""

    row = MooncakeLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]

    def take(self, rows: Sequence[WorkloadRequest], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`."""
        batch = batch_of(rows, self._block_tokens, self._ms_per_unit)
        problems = batch.problems()
        builder.extend(batch.without(problems) if problems else batch)
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""


def _recognises(first: Mapping[str, Any]) -> bool:
    return "input_length" in first and "timestamp" in first


MOONCAKE = Format("Mooncake lines", _recognises, MooncakeReader)
