"""Streams of sessions' requests with tokens and times, to decide online what prediction decides
with hindsight."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.pauses import Pauses
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.refresh_timing import (
    LONGEST_S,
    PATIENCE_S,
    PAUSE_S,
    HeldRefresh,
    hold,
    worthiest,
)
from charter_engine.bls.retention import NO_EXPIRY, OPEN_END, DecideAt, Retention, Rule, TokenRange
from charter_engine.bls.reuse_times import (
    RefreshWorth,
    ReuseTimeRules,
    parse_reuse_times,
    reuse_times_section,
)
from charter_engine.bls.sessions import Sent, Sessions
from charter_engine.bls.worths import Worths
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from charter_engine.plan.retention.online import online
from charter_engine.plan.retention.scale import PRICING, Pricing

SYSTEM = 700
NODES = ("main", "tool", "stranger")


@dataclass
class Turn:
    """One request, its answer, and when they come."""

    at_ms: float
    served_ms: float
    session: str
    node: str
    tokens: NDArray[np.int32]
    output: NDArray[np.int32]


def turns(
    count: int,
    seed: int,
    longest: int = 30,
    nodes: tuple[str, ...] = NODES[:2],
    *,
    append_only: bool = False,
) -> list[Turn]:
    """Sessions that grow, pause as people and tools do, and unless `append_only` drop tails and are
    rewritten at times.

    A request is answered before the session's next one is sent.
    """
    random = np.random.default_rng(seed)
    head = np.arange(1, SYSTEM + 1, dtype=np.int32)
    found: list[Turn] = []
    fresh = 1_000_000

    def new(tokens: int) -> NDArray[np.int32]:
        nonlocal fresh
        fresh += tokens
        return np.arange(fresh - tokens, fresh, dtype=np.int32)

    for session in range(count):
        now = random.uniform(0, 400_000)
        patient = random.random() < 0.5
        body = new(int(random.integers(1, 400)))
        for _ in range(int(random.integers(1, longest))):
            tail = (
                new(int(random.integers(1, 900)))
                if random.random() < 0.3 and not append_only
                else new(1)
            )
            output = new(int(random.integers(1, 200)))
            served = len(output) * random.uniform(1, 30)
            node = str(random.choice(nodes))
            found.append(
                Turn(
                    now,
                    served,
                    f"{seed}-{session}",
                    node,
                    np.concatenate((head, body, tail)),
                    output,
                )
            )
            pause = (
                random.uniform(30_000, 700_000)
                if patient and random.random() < 0.6
                else random.exponential(3_000)
            )
            now += served + pause
            rewritten = random.random() < 0.1 and not append_only
            body = (
                new(300)
                if rewritten
                else np.concatenate((body, output, new(int(random.integers(0, 300)))))
            )
    return sorted(found, key=lambda turn: turn.at_ms)


def workload(stream: list[Turn]) -> Workload:
    """The same stream as prediction reads it."""
    return as_workload(
        [
            WorkloadRequest(
                timestamp=turn.at_ms,
                input_length=len(turn.tokens),
                output_length=len(turn.output),
                token_ids=tuple(turn.tokens.tolist()),
                node=turn.node,
                session=turn.session,
                served_ms=turn.served_ms,
            )
            for turn in stream
        ]
    )


@cache
def model(decide_at: DecideAt) -> ReuseTimeModel:
    """What 60 such sessions tell."""
    return learn(workload(turns(60, 1)), decide_at)


@cache
def reuse_times(decide_at: DecideAt, pricing: Pricing = PRICING) -> ReuseTimeRules:
    """The same as a deployment reads it."""
    section = msgspec.json.encode(reuse_times_section(online(model(decide_at), pricing)))
    return parse_reuse_times(msgspec.json.decode(section), "waits")


def final_records(sessions: Sessions, stream: list[Turn], *, named: bool = True) -> list[Retention]:
    """What stands for each request in the end: what it was sent with, or what was asked anew over
    the whole, at the first moment at which that was worth it."""
    found = [Retention()] * len(stream)
    under_way: dict[int, Sent] = {}
    held: list[HeldRefresh] = []

    def send(index: int) -> None:
        turn = stream[index]
        session = turn.session if named else ""
        under_way[index] = sessions.sent(session, turn.tokens, turn.node, turn.at_ms / 1000.0)
        found[index] = record(sessions.asked(under_way[index]))

    def answer(index: int) -> None:
        sent, turn = under_way.pop(index), stream[index]
        served_s = turn.served_ms / 1000.0
        level = sessions.answered(sent, turn.output, sent.at_s + served_s)
        if level is not None:
            worth = sessions.reuse_times.refresh
            answered_s = sent.at_s + served_s
            held.append(hold(worth, str(index), sent, level, turn.output, answered_s))

    def refresh(now_s: float) -> None:
        while chosen := worthiest(held, now_s, len(under_way)):
            held.remove(chosen)
            late = now_s - chosen.answered_s >= LONGEST_S
            if not late and not sessions.overtaken(chosen.sent):
                idle_s = now_s - chosen.answered_s
                asked = sessions.refreshed(chosen.sent, chosen.level, chosen.tokens, now_s, idle_s)
                found[int(chosen.name)] = _of_prompt(record(asked), len(chosen.sent.token_ids))

    for now_s, act, index in sorted(_moments(stream)):
        if act:
            (answer if act == ANSWER else send)(index)
        refresh(now_s)
    return found


LOOK, ANSWER, SEND = range(3)


def _moments(stream: list[Turn]) -> Iterator[tuple[float, int, int]]:
    """When requests are sent and answered, and when refreshes may become due."""
    for index, turn in enumerate(stream):
        answered_s = (turn.at_ms + turn.served_ms) / 1000.0
        yield turn.at_ms / 1000.0, SEND, index
        yield answered_s, ANSWER, index
        for waited_s in (PAUSE_S, PATIENCE_S):
            yield answered_s + waited_s + 1e-6, LOOK, index


def record(inputs: dict[str, list[int]]) -> Retention:
    """The inputs as a request of a workload would carry them."""
    starts = inputs.get("retention_token_range_starts", [])
    durations = inputs.get("retention_token_range_durations_ms", [NO_EXPIRY] * len(starts))
    columns = (
        inputs.get("retention_token_range_ends", []),
        inputs.get("retention_token_range_priorities", []),
    )
    ranges = tuple(
        TokenRange(
            start=start,
            end=None if end == OPEN_END else end,
            priority=priority,
            duration_ms=None if duration == NO_EXPIRY else duration,
        )
        for start, end, priority, duration in zip(starts, *columns, durations, strict=True)
    )
    return Retention(
        ranges=ranges,
        decode_priority=inputs.get("retention_decode_priority", [35])[0],
        decode_duration_ms=inputs.get("retention_decode_duration_ms", [None])[0],
    )


def _of_prompt(asked: Retention, prompt_tokens: int) -> Retention:
    """A follow-up as if it had been asked with the prompt: what it asks for the answer is the
    decode rule."""
    last = asked.ranges[-1]
    ranges = asked.ranges
    if last.start >= prompt_tokens:
        ranges = (*ranges[:-2], replace(ranges[-2], end=None))
    return Retention(
        ranges=ranges, decode_priority=last.priority, decode_duration_ms=last.duration_ms
    )


def prompt(start: int, tokens: int = 1_000) -> NDArray[np.int32]:
    """A shared head and then tokens nobody else has."""
    found: NDArray[np.int32] = np.concatenate(
        (np.arange(1, SYSTEM + 1), np.arange(start, start + tokens))
    )
    return found.astype(np.int32)


def answered(sessions: Sessions, sent: Sent, at_s: float) -> int | None:
    """The level that an answer of 50 tokens is followed up with, if it is."""
    return sessions.answered(sent, np.arange(50), at_s)


def followed_up(most: int = 8) -> tuple[Sessions, Sent, int]:
    """A session's first request, and the level its answer is followed up with: nothing was asked
    before."""
    sessions = Sessions(reuse_times("answered"), most_sessions=most)
    sent = sessions.sent("a", prompt(10_000), "main", 0.0)
    level = answered(sessions, sent, 1.0)
    assert level is not None
    return sessions, sent, level


def demotable(now_s: float, blocks: int = 100, pauses: Pauses | None = None) -> Sessions:
    """Sessions whose blocks are worth most at first, and little once they were idle for ten
    seconds. `b` ranks below `a`, since it was idle for long then, but came again; `a` did not.
    """
    worths = Worths(ages_s=(0.0, 10.0), rows=((0.5, 0.1),), ahead_s=(1.0,))
    rules = ReuseTimeRules(
        decide_at="answered",
        refresh=RefreshWorth(((0.0,), (0.0,))),
        steps=(),
        rules=(Rule(60, 60_000),),
        nodes={},
        forest=Forest(((),) * len(FEATURES), 0.0),
        worths=worths,
        room=PoolRoom(blocks, 64, "flat"),
        pauses=pauses,
    )
    sessions = Sessions(rules)
    visited(sessions, "b", 50_000, now_s - 27.0)
    visited(sessions, "a", 10_000, now_s - 12.0)
    visited(sessions, "b", 50_000, now_s - 7.0)
    return sessions


def visited(sessions: Sessions, name: str, start: int, at_s: float, tokens: int = 1_000) -> None:
    """Two requests of a session, the second of which asks for something."""
    for turn in range(2):
        sent = sessions.sent(name, prompt(start, tokens + turn), "", at_s + turn / 10)
        answered(sessions, sent, at_s + turn / 10 + 0.05)
