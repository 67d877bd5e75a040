"""What passed through a gateway in front of a server that tells nothing of it by itself.

In front of Triton `charter_bls` has a tap. Here an engine remembers itself: records in the tap's
form, and of recent prompts the tokens, in memory alone.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from charter_engine.bls.chain import Chain
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.gateway import GatewayExchange, GatewayRecord
from charter_engine.contracts.traffic import Finish, TrafficBatch, TrafficRecord
from charter_engine.gateway.answer_texts import answer_text
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.opening import CHAT, COMPLETIONS, dialects
from charter_engine.gateway.prompt_texts import prompt_in
from charter_engine.triton.tap import RecentPrompt

MOST_WAITING = 20_000
"""Requests that passed and were not asked for yet."""
MOST_BYTES = 64 << 20
"""Of the bodies and answers of those that wait."""
MOST_TOKENS = 8 << 20
"""Of the recent prompts together: 32 MB."""
NO_TOKENIZER = (
    "which tokens passed is not known, so no cause of a miss: the tokenizer of {model} is not on "
    "this machine (--tokenizer FILE)"
)
OTHER_TOKENIZER = (
    "which tokens passed is not known: by the tokenizer here a prompt has {here:,} tokens, and the "
    "server counted {there:,} (--tokenizer names the model's own)"
)
FINISHES: dict[str, Finish] = {"length": "length", "cancelled": "cancelled", "error": "error"}
MOST_BODIES = 300
"""Assumed: a layout is plain from fewer."""
MOST_BODY_BYTES = 16 << 20
"""Of the last chats and completions, as clients sent them, by which a layout is previewed."""
TokenIds = NDArray[np.int32]
NO_IDS: TokenIds = np.empty(0, np.int32)


class _Salted(Struct, frozen=True):
    cache_salt: str = ""


class PassedTokens(Struct, frozen=True):
    """A request that passed, with the ids of its prompt and its answer, as far as they are
    known."""

    record: TrafficRecord
    prompt: TokenIds = NO_IDS
    answer: TokenIds = NO_IDS
    ends_session: bool = False


class PassedBody(Struct, frozen=True):
    """The body of a chat or completion as its client sent it, with the ids of its answer."""

    record: TrafficRecord
    route: str
    body: bytes
    answer: TokenIds


class TrafficMemory:
    """Takes what passed from an event loop, and tells it elsewhere, once.

    `revision` is the one that is live when a request ends, and `on_told` hears of each as it is
    told. `is_silent`: the last request's cached
    tokens were not told, though its prompt tokens were. `keeps_prompts` False: no tokens are
    remembered. Until `model` is set, and where it has no tokenizer, prompts are told without their
    hashes, and `trouble` says why.
    """

    def __init__(self, *, keeps_prompts: bool) -> None:
        self.model = ServedModel()
        self.named = ""
        self.revision = 0
        self.trouble = ""
        self.is_silent = False
        self.on_told: Callable[[PassedTokens], None] = lambda _: None
        self._keeps_prompts = keeps_prompts
        self._waiting: deque[tuple[int, GatewayExchange | PassedTokens]] = deque()
        self._bytes = 0
        self._lost = 0
        self._sequence = 0
        self._chain = Chain()
        self._dialects = dialects()
        self._recent: OrderedDict[int, tuple[int, TokenIds]] = OrderedDict()
        self._tokens = 0
        self._bodies: deque[PassedBody] = deque()

    def exchanged(self, exchange: GatewayExchange) -> None:
        """A request ended that came by the gateway. Those that are no prompts are let go."""
        if exchange.record.route in self._dialects:
            self._add(exchange)

    def sent(self, passed: PassedTokens) -> None:
        """A request ended that Charter itself sent."""
        self._add(passed)

    def told(self) -> TrafficBatch:
        """What passed since the last time. Blocks: prompts are tokenised here."""
        lost, self._lost = self._lost, 0
        records = []
        while self._waiting:
            revision, ended = self._waiting.popleft()
            self._bytes -= _size_of(ended)
            passed = ended if isinstance(ended, PassedTokens) else self._read(ended)
            if ended.record.prompt_tokens is not None:
                self.is_silent = ended.record.reused_tokens is None
            records.append(replace(self._hashed(passed), revision=revision))
            self.on_told(passed)
        return TrafficBatch(records=tuple(records), lost=lost)

    @property
    def bodies(self) -> tuple[PassedBody, ...]:
        """The last chats and completions that programs sent, oldest first."""
        return tuple(self._bodies)

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> RecentPrompt | None:
        """A recent prompt, as a `TapReader` gives it."""
        known = self._recent.get(last_hash)
        if known is None or self.model.tokenizer is None:
            return None
        length, ids = known
        decode = self.model.tokenizer.text
        texts = tuple(decode(ids[start:stop].tolist()) for start, stop in spans)
        return RecentPrompt(length, ids, texts)

    def _add(self, passed: GatewayExchange | PassedTokens) -> None:
        size = _size_of(passed)
        if len(self._waiting) >= MOST_WAITING or self._bytes + size > MOST_BYTES:
            self._lost += 1
            return
        self._waiting.append((self.revision, passed))
        self._bytes += size

    def _read(self, exchange: GatewayExchange) -> PassedTokens:
        """An exchange with its tokens, where those that are counted here are the server's."""
        record = traffic_record(exchange)
        tokenizer = self.model.tokenizer
        if record.error:
            return PassedTokens(record)
        if tokenizer is None:
            self.trouble = NO_TOKENIZER.format(model=self.named or "its model")
            return PassedTokens(record)
        dialect = self._dialects[exchange.record.route]
        read = prompt_in(exchange.sent or exchange.body, dialect, self.model)
        prompt = NO_IDS if read is None else np.array(read.token_ids, np.int32)
        if record.prompt_tokens is None:
            record = replace(record, prompt_tokens=len(prompt) or None)
        elif len(prompt) and len(prompt) != record.prompt_tokens:
            self.trouble = OTHER_TOKENIZER.format(here=len(prompt), there=record.prompt_tokens)
            return PassedTokens(record)
        answer = _answer_ids(exchange, record, tokenizer)
        if self._keeps_prompts and exchange.record.route in (CHAT, COMPLETIONS):
            self._keep_body(PassedBody(record, exchange.record.route, exchange.body, answer))
        return PassedTokens(record, prompt, answer, exchange.record.ends_session)

    def _keep_body(self, passed: PassedBody) -> None:
        self._bodies.append(passed)
        while len(self._bodies) > MOST_BODIES or (
            sum(len(one.body) for one in self._bodies) > MOST_BODY_BYTES
        ):
            self._bodies.popleft()

    def _hashed(self, passed: PassedTokens) -> TrafficRecord:
        """A record with its number, and its hashes where its tokens are known."""
        numbered = replace(passed.record, sequence=self._sequence)
        self._sequence += 1
        if not len(passed.prompt):
            return numbered
        hashes, further = self._chain.with_answer(passed.prompt, passed.answer)
        if self._keeps_prompts:
            self._remember(int(hashes[-1]), passed)
        return replace(numbered, hashes=_bytes_of(hashes), answer_hashes=_bytes_of(further))

    def _remember(self, last_hash: int, passed: PassedTokens) -> None:
        """Keep a prompt; the oldest go where all together are too long."""
        ids = np.concatenate((passed.prompt, passed.answer))
        self._forget(last_hash)
        self._recent[last_hash] = (len(passed.prompt), ids)
        self._tokens += len(ids)
        while self._tokens > MOST_TOKENS:
            self._forget(next(iter(self._recent)))

    def _forget(self, last_hash: int) -> None:
        _, ids = self._recent.pop(last_hash, (0, NO_IDS))
        self._tokens -= len(ids)


def _size_of(passed: GatewayExchange | PassedTokens) -> int:
    if isinstance(passed, PassedTokens):
        return passed.prompt.nbytes + passed.answer.nbytes
    return len(passed.body) + len(passed.sent) + len(passed.answer)


def traffic_record(exchange: GatewayExchange) -> TrafficRecord:
    """What a gateway tells of a request, as a tap would; nothing of its tokens yet."""
    record = exchange.record
    failed = record.finish == "error" or record.status >= 400
    return TrafficRecord(
        at=record.at,
        source="gateway",
        request_id=record.request_id,
        session=record.session,
        node=record.node,
        unmatched=record.unmatched,
        laid_out=record.laid_out,
        layout_reason=record.layout_reason,
        prompt_tokens=record.prompt_tokens,
        output_tokens=record.output_tokens,
        reused_tokens=record.reused_tokens,
        ttft_ms=record.ttft_ms,
        total_ms=record.total_ms,
        finish=FINISHES.get(record.finish, "stop"),
        error=_error(record) if failed else "",
        salt=_salt(exchange.body),
    )


def _error(record: GatewayRecord) -> str:
    return record.error or f"status {record.status}"


def _salt(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Salted).cache_salt
    except msgspec.DecodeError:
        return ""


def _answer_ids(exchange: GatewayExchange, record: TrafficRecord, tokenizer: Tokenizer) -> TokenIds:
    """The tokens of an answer, where they are as many as the server counted: with the one that
    ended it, or without."""
    text = answer_text(exchange.answer)
    ids = tokenizer.encode(text, begins_prompt=False)[0] if text else []
    if record.finish == "stop" and record.output_tokens == len(ids) + 1:
        ids += [] if tokenizer.ends.end_id is None else [tokenizer.ends.end_id]
    return np.array(ids, np.int32) if len(ids) == record.output_tokens else NO_IDS


def _bytes_of(hashes: Any) -> bytes:
    return bytes(hashes.astype("<u8", copy=False).tobytes())
