"""Which dead processes of a server's models are crashes."""

import selectors
import subprocess
from collections.abc import Iterator

import pytest

from charter_engine.embedded.stubs import Child, Ends, StubWatch

BLS, ENGINE = "charter_bls", "tensorrt_llm"
ALL = {1: Child(BLS), 2: Child(ENGINE)}
DEAD = Child("", failed=True)


def crashed(*looks: dict[int, Child], ready: bool = True) -> list[bool]:
    watch = StubWatch(lambda _: ready)
    return [watch.has_crashed(look) for look in looks]


def test_stubs_that_live_have_not_crashed() -> None:
    assert crashed(ALL, ALL) == [False, False]


def test_one_that_stays_dead_while_its_model_is_ready_has_crashed() -> None:
    dead = {**ALL, 1: DEAD}
    assert crashed(ALL, dead, dead) == [False, False, True]


def test_one_that_is_reaped_at_once_has_not_crashed() -> None:
    assert crashed(ALL, {**ALL, 1: DEAD}, {2: Child(ENGINE)}) == [False, False, False]


def test_one_that_another_took_the_place_of_has_not_crashed_however_long_it_stays_dead() -> None:
    reloaded = {**ALL, 1: DEAD, 3: Child(BLS)}
    assert crashed(ALL, reloaded, reloaded, reloaded) == [False] * 4


def test_one_whose_model_was_unloaded_has_not_crashed() -> None:
    dead = {**ALL, 1: DEAD}
    assert crashed(ALL, dead, dead, ready=False) == [False, False, False]


def test_of_several_stubs_of_a_model_one_that_died_has_crashed() -> None:
    both = {1: Child(BLS), 2: Child(BLS)}
    dead = {1: Child(BLS), 2: DEAD}
    assert crashed(both, dead, dead)[-1]


@pytest.fixture
def selector() -> Iterator[selectors.DefaultSelector]:
    with selectors.DefaultSelector() as made:
        yield made


def test_the_end_of_one_that_was_seen_wakes_whoever_waits(
    selector: selectors.DefaultSelector,
) -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        Ends(selector).watch({process.pid: Child(BLS)})
        process.kill()
        assert [key.data for key, _ in selector.select(60)] == ["stub"]


def test_an_end_is_recent_until_the_dead_one_is_gone(selector: selectors.DefaultSelector) -> None:
    ends = Ends(selector)
    recent = []
    with subprocess.Popen(["sleep", "60"]) as process:
        for children in ({process.pid: Child(BLS)}, {process.pid: DEAD}, {process.pid: DEAD}, {}):
            ends.watch(children)
            recent.append(ends.are_recent)
        process.kill()
    assert recent == [False, True, True, False]
    assert not selector.get_map()
