"""AIPerf's `inputs.json`: what it sent, as request bodies by session, without times."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import Format, ReadOptions, RecordReader
from charter_engine.kvcache.workload.formats.request_logs import answer_length, messages_of
from charter_engine.kvcache.workload.formats.texts import Conversation


class InputSession(Struct):
    """The bodies of one session, in order."""

    session_id: str
    payloads: list[dict[str, Any]]


class AiperfInputs(Struct):
    """The whole file."""

    data: list[InputSession]


class AiperfInputsReader(RecordReader):
    """Has each body of a session follow the one before it."""

    row = AiperfInputs

    def __init__(self, options: ReadOptions) -> None:
        self._conversation = Conversation(options)

    def read(self, row: AiperfInputs, builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        for session in row.data:
            for number, body in enumerate(session.payloads, start=1):
                try:
                    self._conversation.add(
                        messages_of(body),
                        answer_length(body.get("max_completion_tokens", body.get("max_tokens"))),
                        builder,
                        session=session.session_id,
                        arrival_ms=None,
                    )
                except ValueError as error:
                    where = f"session {session.session_id}, payload {number}"
                    raise ValueError(f"{where}: {error}") from error

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        self._conversation.finish(builder)


def _recognises(first: Mapping[str, Any]) -> bool:
    data = first.get("data")
    first_session = data[0] if isinstance(data, list) and data else None
    return isinstance(first_session, Mapping) and "payloads" in first_session


AIPERF_INPUTS = Format("AIPerf's inputs.json", _recognises, AiperfInputsReader)
