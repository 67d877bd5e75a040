"""What each request asks for by the past of its session: policy `next-use` as a deployment carries
it out."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .demotion import best_demotion, carry_out
from .past import SessionPast, with_answer
from .prefixes import Prefixes, common_tokens
from .presumed_pool import PresumedPool
from .ranking import Ranking
from .retention import NEVER_AGAIN, Retention, Rule, TokenRange, retention_inputs
from .reuse_times import NodeRules, ReuseTimeRules
from .worths import WorthTable

MOST_SESSIONS = 4096
"""Derived: sessions of 4,000 tokens fill `MOST_TOKENS`."""
MOST_TOKENS = 16_000_000
"""Of all sessions' last prompts and answers together: 64 MB, as much again to recognise them by
content, and at most as much for the prompts before them, which may be demoted."""

Found = TypeVar("Found")
Name = str | int
"""The name a client gave its session, or a number for one that was recognised by content."""


@dataclass
class LiveSession:
    """A session that requests were seen of. `tokens` are its last prompt and, once there, the
    answer to it."""

    name: Name
    past: SessionPast = field(default_factory=SessionPast)
    tokens: Any = field(default_factory=lambda: np.empty(0, np.int32))
    marks: list[int] = field(default_factory=list)


class SentPrompt(NamedTuple):
    """What the pool holds of a session: a prompt of a node, and, once there, the answer to it."""

    token_ids: Any
    node: NodeRules


@dataclass(frozen=True)
class Sent:
    """A request as it was sent: the session's request `number`.

    `level` is the retention level it asked for, None if it asked for none.
    `priority` is its rank beside the prompts held, None where that is the level's own.
    With `explicit` its client said itself what it asks for.
    """

    session: LiveSession
    number: int
    node: NodeRules
    token_ids: Any
    features: list[float]
    at_s: float
    level: int | None
    explicit: bool = False
    priority: int | None = None


@dataclass(frozen=True)
class Demoted:
    """A request that ranks what is left of a session's prompt below all others: its tokens, of
    which the pool presumably holds all but the last, and its `retention_*` inputs."""

    token_ids: Any
    retention: dict[str, list[int]]


class Sessions:
    """The pasts of the sessions last heard of. Times are in seconds.

    All methods may be called from any thread.
    A session has a name from its client, or is recognised by its prompts.
    A prompt goes on from the earlier one that it shares most with, if it keeps at least half of
    what that prompt had beyond the head that its node shares among sessions.
    """

    def __init__(
        self,
        reuse_times: ReuseTimeRules,
        most_sessions: int = MOST_SESSIONS,
        most_tokens: int = MOST_TOKENS,
    ) -> None:
        self.reuse_times = reuse_times
        self._ranking = Ranking(reuse_times.worths) if reuse_times.worths else None
        self._worths = WorthTable(reuse_times.worths) if reuse_times.worths else None
        room = reuse_times.room if reuse_times.worths else None
        self._pool = PresumedPool(room) if room else None
        self._pool_error: Exception | None = None
        self._most_sessions, self._most_tokens = most_sessions, most_tokens
        self._sessions: OrderedDict[Name, LiveSession] = OrderedDict()
        self._prefixes: Prefixes[Name] = Prefixes()
        self._tokens = self._unnamed = 0
        self._lock = threading.Lock()

    def sent(
        self, name: str, token_ids: Any, node_name: str, now_s: float, *, explicit: bool = False
    ) -> Sent:
        """A request is being sent; `name` is "" where its client names no session.

        Prompts are arrays of ids.
        Where retention is decided at `answered`, the answer is supposed to take what the session's
        last one took; where that is unknown nothing is asked yet.
        """
        node = self.reuse_times.node(node_name)
        with self._lock:
            marks = [] if name else self._prefixes.marks(token_ids)
            session = self._named(name) if name else self._recognised(token_ids, marks, node)
            past = session.past
            shared = common_tokens(session.tokens, token_ids)
            common = min(shared, past.length)
            output, served = past.output, past.served
            features = past.sent(now_s, len(token_ids), common, node.score)
            number = past.requests
            own, again = (max(part - node.shared_tokens, 0) for part in (len(token_ids), shared))

            def earlier(prompt: SentPrompt) -> int:
                return max(common_tokens(prompt.token_ids, token_ids) - node.shared_tokens, 0)

            sending = SentPrompt(token_ids, node)
            self._presume(
                lambda pool: pool.serve(session.name, own, again, now_s, sending, earlier)
            )
            self._keep(session, token_ids, marks)
        level = None
        if self.reuse_times.decide_at == "sent":
            level = self.reuse_times.level(features)
        elif not np.isnan(output):
            level = self.reuse_times.level(with_answer(features, output, served))
        found = Sent(session, number, node, token_ids, features, now_s, level, explicit)
        if level is None or explicit:
            return found
        return replace(found, priority=self._ranked(found, level, now_s))

    def answered(self, sent: Sent, output_ids: Any, now_s: float) -> int | None:
        """The answer is there: the retention level to refresh to, None if what was asked stands."""
        served_s = now_s - sent.at_s
        tokens = np.concatenate((sent.token_ids, np.asarray(output_ids, np.int32)))
        with self._lock:
            if self.overtaken(sent):
                return None
            sent.session.past.answered(len(output_ids), served_s)
            if sent.session.name in self._sessions:
                marks = self._prefixes.marks(tokens) if isinstance(sent.session.name, int) else []
                self._keep(sent.session, tokens, marks)
        if self.reuse_times.decide_at == "sent" or sent.explicit:
            level = None if sent.explicit else sent.level
            self._lies_idle(sent, level, sent.features, tokens, now_s)
            return None
        features = with_answer(sent.features, float(len(output_ids)), served_s)
        level = self.reuse_times.level(features)
        if self._ranking is not None:
            with self._lock:
                self._ranking.answered(sent.session.name, level, now_s)
        self._lies_idle(sent, level, features, tokens, now_s)
        pays = self.reuse_times.refresh.pays(sent.level, level, len(sent.token_ids))
        return level if pays and not self._alike(sent, level) else None

    def demotion(self, now_s: float, under_way: int) -> Demoted | None:
        """The request that has the prompt give way first which is worth least, beside so many
        under way; None where that saves less than it costs. It counts as sent.

        Raises what ended demotions, once."""
        worths = self._worths
        if worths is None:
            return None
        with self._lock:
            best = self._presume(lambda pool: best_demotion(pool, worths, now_s))
            if self._pool_error is not None:
                error, self._pool_error = self._pool_error, None
                raise error
            if best is None:
                return None
            if not best.may_go(self.reuse_times.refresh.cost(best.tokens), under_way):
                return None
            kept = self._presume(lambda pool: carry_out(pool, best, now_s))
            if kept is None:
                return None
        token_ids, node = best.prompt
        token_ids = token_ids[: node.shared_tokens + best.tokens + 1]
        asked = best.asks(node, kept, len(token_ids))
        return Demoted(token_ids, retention_inputs(asked, len(token_ids)))

    def overtaken(self, sent: Sent) -> bool:
        """Whether the session's next request is here already: then its blocks are in use, and it
        says what it wants."""
        return sent.session.past.requests != sent.number

    def asked(self, sent: Sent) -> dict[str, list[int]]:
        """The `retention_*` inputs a request is sent with; empty where nothing is asked yet."""
        if sent.level is None:
            return {}
        length = len(sent.token_ids)
        own = self._own(sent.level, sent.priority)
        ranges = self.reuse_times.ranges(sent.node, own, length)
        return _inputs(ranges, self.reuse_times.generated(own), length)

    def refreshed(
        self, sent: Sent, level: int, tokens: int, now_s: float, idle_s: float = 0.0
    ) -> dict[str, list[int]]:
        """The `retention_*` inputs of the request that follows an answer `idle_s` later, over its
        prompt and answer of `tokens`, which is ranked as it is sent: until then what was asked
        stands, and many a refresh is never sent.

        The blocks that hold the answer ask for what they would have been generated with.
        One that the single new token takes holds nothing anybody can use.
        """
        own = self._own(level, self._ranked(sent, level, now_s, idle_s))
        generated = self.reuse_times.generated(own)
        prompt_tokens = len(sent.token_ids)
        ranges = self.reuse_times.ranges(sent.node, own, prompt_tokens)
        last = ranges[-1]
        if Rule(last.priority, last.duration_ms) != generated and tokens > prompt_tokens:
            ranges = (
                *ranges[:-1],
                replace(last, end=prompt_tokens),
                TokenRange(prompt_tokens, None, generated.priority, generated.duration_ms),
            )
        return _inputs(ranges, NEVER_AGAIN, tokens)

    def _ranked(self, sent: Sent, level: int, now_s: float, idle_s: float = 0.0) -> int | None:
        """The priority at which a request's prompt is held from now on at this level, beside those
        of other sessions; None where that is the level's own."""
        if self._ranking is None:
            return None
        rule = self.reuse_times.rules[level]
        with self._lock:
            ranked = self._ranking.hold(
                sent.session.name, level, rule, len(sent.token_ids), now_s, idle_s
            )
            self._presume(lambda pool: pool.ask(sent.session.name, ranked, now_s))
            return ranked.priority

    def _lies_idle(
        self, sent: Sent, level: int | None, features: list[float], tokens: Any, now_s: float
    ) -> None:
        """A request's blocks lie idle from now on: those of its prompt and its answer."""
        own, prompt = len(tokens) - sent.node.shared_tokens, SentPrompt(tokens, sent.node)

        def lies_idle(pool: PresumedPool) -> None:
            worths = None if level is None else self._worths_by_age(level, features)
            pool.answered(sent.session.name, worths, now_s, own, prompt)

        with self._lock:
            self._presume(lies_idle)

    def _worths_by_age(self, level: int, features: list[float]) -> Any:
        """What the prompt of a request of this level with these features is worth, by how long it
        has been idle; None where nothing is compared."""
        if self._worths is None:
            return None
        pauses = self.reuse_times.pauses
        if pauses is None:
            return self._worths.row(level)
        return pauses.worths(pauses.shares(features), self._worths.ages_s)

    def _leave_behind(self, name: Name) -> None:
        """Nothing is known any more of a session that the pool holds."""
        self._presume(lambda pool: pool.forget(name))

    def _presume(self, act: Callable[[PresumedPool], Found]) -> Found | None:
        """What this gives of what the pool presumably holds, while anything is presumed.

        No request fails with it: an error ends it for good, and `demotion` tells.
        """
        if self._pool is None:
            return None
        try:
            return act(self._pool)
        except Exception as error:  # whatever it is, the request goes on
            self._pool, self._pool_error = None, error
            return None

    def _own(self, level: int, priority: int | None) -> Rule:
        """What the session's own part of a prompt asks for."""
        rule = self.reuse_times.rules[level]
        return rule if priority is None else replace(rule, priority=priority)

    def _alike(self, sent: Sent, level: int) -> bool:
        """Whether two levels ask for the same."""
        return (
            sent.level is not None
            and self.reuse_times.rules[level] == self.reuse_times.rules[sent.level]
        )

    def _named(self, name: str) -> LiveSession:
        return self._sessions.get(name) or self._new(name)

    def _recognised(self, token_ids: Any, marks: list[int], node: NodeRules) -> LiveSession:
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
            name, forgotten = self._sessions.popitem(last=False)
            self._leave_behind(name)
            self._prefixes.remove(forgotten.marks, forgotten.name)
            self._tokens -= len(forgotten.tokens)


def _inputs(ranges: tuple[TokenRange, ...], decode: Rule, tokens: int) -> dict[str, list[int]]:
    return retention_inputs(Retention(ranges, decode.priority, decode.duration_ms), tokens)
