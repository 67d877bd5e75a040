"""The chat traces of Alibaba's Bailian (alibaba-edu/qwen-bailian-usagetraces-anon): blocks of 16
tokens, times in seconds, and turns that name the one they continue."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import batch_of
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, Format, ReadOptions

BLOCK_TOKENS = 16


class BailianLine(Struct, gc=False):
    """A turn of a chat. A first one has the parent -1."""

    chat_id: int
    parent_chat_id: int
    timestamp: float
    input_length: int
    output_length: int
    hash_ids: tuple[int, ...] = ()
    type: str = ""


class BailianReader:
    """Tells the sessions from the parents: a session is named by its first chat."""

    row = BailianLine

    def __init__(self, options: ReadOptions) -> None:
        self._block_tokens = options.block_tokens or BLOCK_TOKENS
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "s"]
        self._session_of: dict[int, int] = {}

    def take(self, rows: Sequence[BailianLine], builder: WorkloadBuilder) -> dict[int, str]:
        """See `Reader`."""
        requests = [self._request(row) for row in rows]
        batch = batch_of(requests, self._block_tokens, self._ms_per_unit)
        problems = batch.problems()
        builder.extend(batch.without(problems) if problems else batch)
        return problems

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""

    def _request(self, row: BailianLine) -> WorkloadRequest:
        parent = row.parent_chat_id
        session = row.chat_id if parent < 0 else self._session_of.get(parent, parent)
        self._session_of[row.chat_id] = session
        return WorkloadRequest(
            timestamp=row.timestamp,
            input_length=row.input_length,
            output_length=row.output_length,
            hash_ids=row.hash_ids,
            node=row.type,
            session=str(session),
        )


def _recognises(first: Mapping[str, Any]) -> bool:
    return "chat_id" in first and "parent_chat_id" in first and "input_length" in first


BAILIAN = Format("Bailian chats", _recognises, BailianReader)
