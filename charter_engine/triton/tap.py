"""The reader's side of the tap: what a deployment served, drained through `charter_bls` itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from charter_engine.bls.recent import KEY_MARK, NOT_YOURS, QUERY
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import ModelFailed, TritonRefused
from charter_engine.triton.request import BLS_MODEL, Arrays
from charter_engine.triton.verify import PROBE_RUN

TAP = "charter_tap"
"""The input that takes a cursor, and the output that gives the records."""
KEY_HEADERS = "triton-grpc-protocol-"
"""How the headers begin that carry the key of a Triton with restricted protocols."""
NO_PROMPT_WORDS = "send one of text_input"
"""What a `charter_bls` says that does not know the input, though its configuration names it."""
SECONDS = 10.0
"""Assumed: a drain copies some hundred KiB, and a server under load answers later."""
_record = msgspec.json.Decoder(TrafficRecord)


class _Heading(Struct, frozen=True):
    """What stands before the records: the number of the first, how many are left behind the last,
    and the cursor that stands there."""

    cursor: str
    first: int
    lost: int
    left: int
    restarted: bool


_heading = msgspec.json.Decoder(_Heading)


class _PromptHeading(Struct, frozen=True):
    prompt_tokens: int | None = None


@dataclass(frozen=True)
class RecentPrompt:
    """A prompt of so many tokens: its `token_ids` with those of its answer behind them, and the
    `texts` that were asked for."""

    prompt_tokens: int
    token_ids: NDArray[np.int32]
    texts: tuple[str, ...]


class TapReader:
    """One of any number of readers of a deployment's tap.

    `cursor` stands behind the last record that was read; empty, before the oldest there is. `asked`
    counts the requests that were sent for it.
    """

    def __init__(self, client: TritonClient, cursor: str = "") -> None:
        self.cursor = cursor
        self.asked = 0
        self._client = client
        headers = client.connection.headers
        keys = [value for name, value in headers.items() if name.startswith(KEY_HEADERS)]
        self._key = f"{KEY_MARK}{keys[0]}" if keys else ""

    async def latest(self, count: int) -> TrafficBatch:
        """The last records, about `count` at most, but for Charter's own probes; the cursor stands
        behind them then. Raises `TritonError`."""
        await self._check()
        heading, records = await self._read("")
        if heading.left > count:
            ring, _, number = heading.cursor.rpartition(":")
            self.cursor = f"{ring}:{int(number) + heading.left - count}"
            return await self.drain()
        self.cursor = heading.cursor
        rest = await self.drain()
        return TrafficBatch(records=(*records, *rest.records))

    async def drain(self) -> TrafficBatch:
        """Everything behind the cursor but Charter's own probes. Raises `TritonError`; what was not
        returned is read again then."""
        await self._check()
        cursor, records = self.cursor, []
        lost, before, restarted, left = 0, 0, False, 1
        while left:
            heading, batch = await self._read(cursor)
            records += batch
            before += 0 if cursor else heading.first
            lost, restarted = lost + heading.lost, restarted or heading.restarted
            cursor, left = heading.cursor, heading.left
        self.cursor = cursor
        return TrafficBatch(records=tuple(records), lost=lost, before=before, restarted=restarted)

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> RecentPrompt | None:
        """A prompt that passed not long ago, by the last of its chained hashes, with the texts of
        its tokens from one to before another. None where it is no longer kept, and for who lacks
        the server's key where one is asked for. Raises `TritonError`, also where recent prompts are
        not kept at all."""
        words = [QUERY + f"{last_hash:x}", *(f"{start}:{stop}" for start, stop in spans)]
        try:
            heading, *parts = await self._told(":".join(words) + self._key)
        except TritonRefused as error:
            if NOT_YOURS in error.message:
                return None
            raise
        try:
            known = msgspec.json.decode(heading, type=_PromptHeading)
            if known.prompt_tokens is None:
                return None
            ids, *texts = parts
            token_ids = np.frombuffer(ids, "<i4").astype(np.int32)
        except ValueError as error:
            raise _unreadable(error) from None
        read = tuple(text.decode(errors="replace") for text in texts)
        return RecentPrompt(known.prompt_tokens, token_ids, read)

    async def _read(self, cursor: str) -> tuple[_Heading, list[TrafficRecord]]:
        first, *lines = await self._told(cursor)
        try:
            heading = _heading.decode(first)
            records = [_record.decode(line) for line in lines]
        except ValueError as error:
            raise _unreadable(error) from None
        numbered = enumerate(records, heading.first)
        return heading, [
            replace(record, sequence=number)
            for number, record in numbered
            if record.run != PROBE_RUN
        ]

    async def _told(self, asked: str) -> list[bytes]:
        """What the tap answers to a cursor or a query: at least one part."""
        arrays: Arrays = {
            TAP: np.array([asked.encode()], dtype=np.object_),
            "max_tokens": np.zeros(1, np.int32),
        }
        self.asked += 1
        try:
            outputs = await self._client.infer(BLS_MODEL, arrays, seconds=SECONDS)
            parts: list[bytes] = outputs[TAP].tolist()
        except TritonRefused as error:
            raise _no_tap() if NO_PROMPT_WORDS in error.message else error from None
        except KeyError as error:
            raise _unreadable(error) from None
        if not parts:
            raise _unreadable(ValueError("the answer is empty"))
        return parts

    async def _check(self) -> None:
        for fresh in (False, True):
            contract = await self._client.contract(BLS_MODEL, fresh=fresh)
            if TAP in contract.inputs:
                return
        raise _no_tap()


def _unreadable(error: Exception) -> ModelFailed:
    return ModelFailed(f"{BLS_MODEL} gave no readable records: {error}")


def _no_tap() -> TritonRefused:
    return TritonRefused(
        f"the {BLS_MODEL} served there is of an older Charter and tells of no traffic",
        remedy="push a plan with this Charter and --repository DIR, which brings the new one",
    )
