"""What the requests of each session come to."""

from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.misses import Knowledge, misses
from charter_engine.traffic.seen import seen_prompts
from charter_engine.traffic.session_figures import sessions_traffic
from tests.unit.traffic.records import record

HEAD = list(range(64))


def told(*records: TrafficRecord) -> dict[str, object]:
    found = misses(seen_prompts(records), Knowledge(pool=PoolSettings(100, 16)))
    return {one.session: one for one in sessions_traffic(records, found)}


def test_a_session_adds_up_its_requests_and_spans_their_time() -> None:
    first = record(HEAD, at=100.0, sequence=1, session="s", node="a", reused_tokens=0)
    second = record(
        [*HEAD, *range(500, 532)],
        at=105.0,
        sequence=2,
        session="s",
        node="b",
        reused_tokens=64,
        total_ms=2000.0,
    )
    (one,) = sessions_traffic((first, second), ())
    assert (one.sequences, one.nodes) == ((1, 2), ("a", "b"))
    assert (one.prompt_tokens, one.computed_tokens) == (160, 96)
    assert (one.begin, one.end) == (100.0, 107.0)
    assert one.told


def test_sessions_that_were_active_last_stand_first() -> None:
    early = record(HEAD, at=100.0, session="early")
    late = record(HEAD, at=200.0, session="late")
    assert list(told(late, early)) == ["late", "early"]


def test_a_session_without_a_name_is_told_by_content() -> None:
    answer = list(range(900, 932))
    first = record(HEAD, answer, at=100.0, sequence=1)
    second = record([*HEAD, *answer, *range(40)], at=110.0, sequence=2)
    (one,) = sessions_traffic((first, second), ())
    assert (one.session, one.told, len(one.sequences)) == ("conversation 1", False, 2)


def test_the_last_cause_is_that_of_what_was_computed_again() -> None:
    first = record(HEAD, at=100.0, sequence=1, session="s", reused_tokens=0)
    second = record([*HEAD, *range(500, 532)], at=110.0, sequence=2, session="s", reused_tokens=0)
    found = misses(seen_prompts((first, second)), Knowledge(pool=PoolSettings(100, 16)))
    (one,) = sessions_traffic((first, second), found)
    assert one.again_tokens == 64
    assert one.cause == found[-1].cause.kind
