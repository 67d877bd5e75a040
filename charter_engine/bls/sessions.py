"""What each request asks for by the past of its session: policy `next-use` as a deployment carries
it out."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .past import Past, with_answer
from .plan import Retention
from .prefixes import Prefixes, common_tokens
from .retention import NO_EXPIRY, OPEN_END, TokenRange, retention_inputs
from .waits import NEVER_AGAIN, NodeWaits, Rule, Waits

MOST_SESSIONS = 4096
MOST_TOKENS = 16_000_000
"""Of all sessions' last prompts and answers together: 64 MB, and as much again to recognise them by
content."""

Name = str | int
"""The name a client gave its session, or a number for one that was recognised by content."""


@dataclass
class LiveSession:
    """A session that requests were seen of. `tokens` are its last prompt and, once there, the
    answer to it."""

    name: Name
    past: Past = field(default_factory=Past)
    tokens: Any = field(default_factory=lambda: np.empty(0, np.int32))
    marks: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Sent:
    """A request as it was sent: the session's request `number`, and the rung it asked for, if it
    asked for any.

    With `explicit` its client said itself what it asks for.
    """

    session: LiveSession
    number: int
    node: NodeWaits
    token_ids: Any
    features: list[float]
    at_s: float
    rung: int | None
    explicit: bool = False


class Sessions:
    """The pasts of the sessions last heard of. All methods may be called from any thread; times are
    in seconds.

    A session has a name from its client, or is recognised: a prompt goes on from the earlier one
    that it shares most with, if it keeps at least half of what that prompt had beyond the head that
    its node shares among sessions.
    """

    def __init__(
        self, waits: Waits, most_sessions: int = MOST_SESSIONS, most_tokens: int = MOST_TOKENS
    ) -> None:
        self.waits = waits
        self._most_sessions, self._most_tokens = most_sessions, most_tokens
        self._sessions: OrderedDict[Name, LiveSession] = OrderedDict()
        self._prefixes: Prefixes[Name] = Prefixes()
        self._tokens = self._unnamed = 0
        self._lock = threading.Lock()

    def sent(
        self, name: str, token_ids: Any, node_name: str, now_s: float, *, explicit: bool = False
    ) -> Sent:
        """A request is being sent; `name` is "" where its client names no session. Prompts are
        arrays of ids.

        At the moment `answered`, what the request will take is supposed to be what the session's
        last one took. Where that is unknown nothing is asked yet.
        """
        node = self.waits.node(node_name)
        with self._lock:
            marks = [] if name else self._prefixes.marks(token_ids)
            session = self._named(name) if name else self._recognised(token_ids, marks, node)
            past = session.past
            common = min(common_tokens(session.tokens, token_ids), past.length)
            output, served = past.output, past.served
            features = past.sent(now_s, len(token_ids), common, node.score)
            number = past.requests
            self._keep(session, token_ids, marks)
        rung = None
        if self.waits.moment == "sent":
            rung = self.waits.rung(features)
        elif not np.isnan(output):
            rung = self.waits.rung(with_answer(features, output, served))
        return Sent(session, number, node, token_ids, features, now_s, rung, explicit)

    def answered(self, sent: Sent, output_ids: Any, now_s: float) -> int | None:
        """The answer is there: the rung to ask for anew, None if what was asked stands."""
        served_s = now_s - sent.at_s
        with self._lock:
            if self.overtaken(sent):
                return None
            sent.session.past.answered(len(output_ids), served_s)
            if sent.session.name in self._sessions:
                tokens = np.concatenate((sent.token_ids, np.asarray(output_ids, np.int32)))
                marks = self._prefixes.marks(tokens) if isinstance(sent.session.name, int) else []
                self._keep(sent.session, tokens, marks)
        if self.waits.moment == "sent" or sent.explicit:
            return None
        rung = self.waits.rung(with_answer(sent.features, float(len(output_ids)), served_s))
        near = sent.rung is not None and abs(rung - sent.rung) <= self.waits.near_rungs
        return None if near or self._alike(sent, rung) else rung

    def overtaken(self, sent: Sent) -> bool:
        """Whether the session's next request is here already: then its blocks are in use, and it
        says what it wants."""
        return sent.session.past.requests != sent.number

    def asked(self, sent: Sent) -> dict[str, list[int]]:
        """The `retention_*` inputs a request is sent with; empty where nothing is asked yet."""
        if sent.rung is None:
            return {}
        return _inputs(
            self._ranges(sent, sent.rung), self.waits.rules[sent.rung], len(sent.token_ids)
        )

    def asked_anew(self, sent: Sent, rung: int, tokens: int) -> dict[str, list[int]]:
        """The `retention_*` inputs of the request that follows an answer, over its prompt and
        answer of `tokens`.

        The blocks that hold the answer ask for what they would have been generated with; one that
        the single new token takes holds nothing anybody can use.
        """
        own = self.waits.rules[rung]
        ranges = self._ranges(sent, rung)
        last, prompt_tokens = ranges[-1], len(sent.token_ids)
        if (last.priority, last.duration_ms) != (
            own.priority,
            _milliseconds(own),
        ) and tokens > prompt_tokens:
            ranges[-1] = TokenRange(last.start, prompt_tokens, last.priority, last.duration_ms)
            ranges.append(_range(prompt_tokens, OPEN_END, own))
        return _inputs(ranges, NEVER_AGAIN, tokens)

    def _ranges(self, sent: Sent, rung: int) -> list[TokenRange]:
        """From the head: shared, the session's own, the tail it leaves behind. A head never ranks
        below the rest."""
        own, node, length = self.waits.rules[rung], sent.node, len(sent.token_ids)
        shared = own if node.shared.priority < own.priority else node.shared
        shared_end = min(node.shared_tokens, length)
        tail_start = max(length - node.tail_tokens, shared_end)
        parts = (
            (0, shared_end, shared),
            (shared_end, tail_start, own),
            (tail_start, length, NEVER_AGAIN),
        )
        return [
            _range(start, OPEN_END if end == length else end, rule)
            for start, end, rule in parts
            if start < end
        ]

    def _alike(self, sent: Sent, rung: int) -> bool:
        """Whether two rungs ask for the same."""
        return sent.rung is not None and self.waits.rules[rung] == self.waits.rules[sent.rung]

    def _named(self, name: str) -> LiveSession:
        return self._sessions.get(name) or self._new(name)

    def _recognised(self, token_ids: Any, marks: list[int], node: NodeWaits) -> LiveSession:
        name = self._prefixes.find(marks)
        session = None if name is None else self._sessions.get(name)
        if session is not None:
            kept = common_tokens(session.tokens, token_ids) - node.shared_tokens
            if kept > 0 and 2 * kept >= session.past.length - node.shared_tokens:
                return session
        self._unnamed += 1
        return self._new(self._unnamed)

    def _new(self, name: Name) -> LiveSession:
        session = self._sessions[name] = LiveSession(name)
        return session

    def _keep(self, session: LiveSession, tokens: Any, marks: list[int]) -> None:
        """Remember a session's last tokens, and forget the sessions heard of longest ago that there
        is no room for."""
        self._prefixes.remove(session.marks, session.name)
        self._prefixes.add(marks, session.name)
        self._tokens += len(tokens) - len(session.tokens)
        session.tokens, session.marks = tokens, marks
        self._sessions.move_to_end(session.name)
        while len(self._sessions) > self._most_sessions or (
            self._tokens > self._most_tokens and len(self._sessions) > 1
        ):
            _, forgotten = self._sessions.popitem(last=False)
            self._prefixes.remove(forgotten.marks, forgotten.name)
            self._tokens -= len(forgotten.tokens)


def _range(start: int, end: int, rule: Rule) -> TokenRange:
    return TokenRange(start, end, rule.priority, _milliseconds(rule))


def _milliseconds(rule: Rule) -> int:
    return NO_EXPIRY if rule.duration_ms is None else rule.duration_ms


def _inputs(ranges: list[TokenRange], decode: Rule, tokens: int) -> dict[str, list[int]]:
    return retention_inputs(ranges, Retention((), decode.priority, decode.duration_ms), tokens)
