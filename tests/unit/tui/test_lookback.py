"""What was on screen in the last hour: any moment of it, with its series and its log."""

import tracemalloc
from dataclasses import replace

import msgspec
import pytest

from charter_engine.contracts.commands import SeekReplay
from charter_engine.contracts.gauges import Event, Gauge, Nodes, Replay, Ticked
from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.series import Tick
from charter_tui import lookback
from charter_tui.lookback import KEPT_SECONDS, Lookback, target
from charter_tui.state import Snapshot, apply_gauges
from tests.tui.scene import SESSION, TRITON

START = 1_000.0
SHOWN = Replay(path="", start=0.0, end=100.0, position=50.0, paused=True)


def moment(second: int, nodes: int = 0) -> Snapshot:
    """The screen in that second, in which each of so many calls has another figure than before."""
    at = START + second
    return Snapshot(
        session=SESSION,
        triton=TRITON,
        nodes=Nodes(tuple(NodeStats(node=str(n), requests=second) for n in range(nodes))),
        ticks=tuple(Tick(at=START + n) for n in range(max(0, second - 2), second + 1)),
        events=tuple(
            Event(sequence=n, at=START + n, kind="push" if n % 10 == 0 else "request", text=str(n))
            for n in range(max(1, second - 49), second + 1)
        ),
        as_of=at,
    )


def watched(seconds: int, nodes: int = 0) -> Lookback:
    kept = Lookback()
    for second in range(seconds):
        kept.take(moment(second, nodes))
    return kept


def test_a_moment_is_shown_with_what_was_then_and_nothing_later() -> None:
    shown = watched(100, nodes=3).frozen(START + 40.7)
    assert shown.nodes == moment(40, nodes=3).nodes
    assert shown.ticks[-1].at == START + 40
    assert shown.events[-1].text == "40"
    assert len(shown.pool_used) == 41


def test_a_moment_without_an_answer_has_the_last_one_before_it() -> None:
    kept = watched(30)
    silent = msgspec.structs.replace(
        TRITON, sample=msgspec.structs.replace(TRITON.sample, health="unreachable")
    )
    for second in range(30, 40):
        kept.take(replace(moment(second), triton=silent))
    known = kept.frozen(START + 35).last_answer
    assert known is not None
    assert (known.value, known.at) == (TRITON.sample, START + 29)


def test_the_first_moment_shown_is_the_present_and_the_span_ends_there() -> None:
    kept = watched(30)
    frozen = kept.frozen().frozen
    assert frozen is not None
    assert (frozen.start, frozen.position, frozen.end) == (START, START + 29, START + 29)
    for second in range(30, 40):
        kept.take(moment(second))
    later = kept.frozen(START + 5, end=frozen.end).frozen
    assert later is not None
    assert (later.position, later.end) == (START + 5, START + 29)


def test_a_moment_before_all_that_is_kept_is_the_oldest() -> None:
    assert watched(10).frozen(0.0).as_of == START


def test_no_more_than_an_hour_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert KEPT_SECONDS == 3600
    monkeypatch.setattr(lookback, "KEPT_SECONDS", 60)
    assert watched(70).frozen(0.0).as_of == START + 10


def test_less_is_kept_where_many_calls_change_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookback, "MOST_BYTES", 50_000)
    kept = watched(100, nodes=500)
    oldest = kept.frozen(0.0).as_of
    assert START < oldest < START + 95
    assert sum(pack.size for pack in kept._packed) <= 50_000


def test_moments_of_thousands_of_calls_are_kept_one_by_one() -> None:
    kept = watched(4, nodes=2_000)
    assert [kept.frozen(START + second).as_of - START for second in range(4)] == [0, 1, 2, 3]


def test_an_hour_of_moments_takes_a_few_megabytes() -> None:
    """A console is to stay below 60 MB, of which all but these take 55."""
    tracemalloc.start()
    try:
        kept = watched(900, nodes=10)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept.frozen(0.0).as_of == START
    assert 4 * taken < 6_000_000


@pytest.mark.parametrize("second", [0, 19, 20, 21, 40, 57, 99])
def test_a_packed_moment_is_as_it_was(second: int) -> None:
    shown = watched(100, nodes=30).frozen(START + second)
    was = moment(second, nodes=30)
    assert (shown.nodes, shown.triton, shown.as_of) == (was.nodes, was.triton, was.as_of)
    assert shown.session is was.session


def test_a_packed_moment_has_the_trends_of_its_time() -> None:
    kept, live = Lookback(), Snapshot()
    trends = []
    for second in range(60):
        told = NodeStats(
            node="a", requests=second, prompt_tokens=90 * second, told_tokens=90 * second
        )
        gauge = Gauge(payload=Nodes((told,)), at=START + second)
        live = apply_gauges(live, [gauge])
        kept.take(live)
        trends.append(live.trends)
    assert [kept.frozen(START + second).trends for second in range(60)] == trends


def test_snapshots_of_the_same_second_replace_each_other() -> None:
    kept = watched(5)
    kept.take(replace(moment(4), as_of=START + 4.5, nodes=Nodes((NodeStats(node="late"),))))
    nodes = kept.frozen().nodes
    assert nodes is not None
    assert nodes.nodes[0].node == "late"


def test_after_a_clock_was_set_back_there_is_what_was_since() -> None:
    kept, shown = Lookback(), replace(moment(0), ticks=())
    for at in (*range(9_000, 9_060), *range(5_000, 5_060)):
        tick = Gauge(at=float(at), payload=Ticked(Tick(at=float(at))))
        shown = apply_gauges(shown, (tick, Gauge(at=float(at), payload=TRITON)))
        kept.take(shown)
    assert shown.as_of == 5_059
    assert [one.at for one in shown.ticks] == [float(at) for at in range(5_000, 5_060)]
    assert kept.frozen(5_030.0).ticks[-1].at == 5_030
    held = kept.frozen().frozen
    assert held is not None
    assert (held.start, held.end) == (5_000, 5_059)


def test_pushes_and_failures_are_marked_and_requests_are_not() -> None:
    frozen = watched(35).frozen().frozen
    assert frozen is not None
    assert [marker.text for marker in frozen.markers] == ["10", "20", "30"]


@pytest.mark.parametrize(
    ("seek", "there"),
    [
        (SeekReplay(by=-10.0), 40.0),
        (SeekReplay(to=7.0), 7.0),
        (SeekReplay(marker=1), 100.0),
        (SeekReplay(marker=-1), 0.0),
    ],
)
def test_a_seek_leads_where_it_would_in_a_recording(seek: SeekReplay, there: float) -> None:
    assert target(SHOWN, seek) == there


def test_a_seek_to_an_event_finds_the_nearest_on_that_side() -> None:
    frozen = watched(35).frozen(START + 15).frozen
    assert frozen is not None
    assert target(frozen, SeekReplay(marker=1)) == START + 20
    assert target(frozen, SeekReplay(marker=-1)) == START + 10
