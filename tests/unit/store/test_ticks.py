"""What was measured, put together for a screen and kept for a month."""

from pathlib import Path

import aiosqlite
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.contracts.series import TICK_FIGURES, Tick, ValueRange
from charter_engine.store import tick_table
from charter_engine.store.database import Store
from charter_engine.store.tick_table import DAY, LEVELS
from charter_engine.store.ticks import thinned, together, unbroken

NOW = 1_800_000_000
SCREEN = 200
SHARES = st.sampled_from([0.0, 0.25, 0.5, 1.0])


@pytest.fixture
def at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charter_engine.store.database.time.time", lambda: float(NOW))


def second(at: float, **figures: float) -> Tick:
    return Tick(at=at, requests=1, prompt_tokens=100, computed_tokens=40, **figures)  # type: ignore[arg-type]


@st.composite
def seconds(draw: st.DrawFn) -> list[Tick]:
    """Some of the seconds of two minutes, and what was told in them."""
    moments = sorted(draw(st.sets(st.integers(NOW - 120, NOW), min_size=1, max_size=40)))
    told = draw(st.sets(st.sampled_from(["ttft_ms", "pool_used", "gpu_memory_used"])))
    return [
        Tick(
            at=float(at),
            requests=draw(st.integers(1, 3)),
            prompt_tokens=100,
            computed_tokens=draw(st.integers(0, 100)),
            **{figure: draw(SHARES) for figure in told},  # type: ignore[arg-type]
        )
        for at in moments
    ]


def test_a_day_by_the_second_fits_a_screen_and_keeps_what_stood_out() -> None:
    day = [second(float(at), pool_used=0.5) for at in range(DAY)]
    day[40_000] = second(40_000.0, pool_used=1.0)
    day[70_000] = second(70_000.0, pool_used=0.0)
    shown = thinned(day, SCREEN)
    assert len(shown) <= SCREEN
    assert sum(one.requests for one in shown) == DAY
    ranges = [one.range_of("pool_used") for one in shown]
    assert max(one.high for one in ranges if one) == 1.0
    assert min(one.low for one in ranges if one) == 0.0


def test_a_gap_stays_a_gap_however_few_columns_there_are() -> None:
    day = [second(float(at)) for at in range(DAY) if not 30_000 < at <= 50_000]
    before, after = unbroken(thinned(day, SCREEN))
    assert before[-1].at == 30_000
    assert after[0].at - after[0].seconds >= 50_000 - 1
    assert sum(one.seconds for one in (*before, *after)) == len(day)


def test_seconds_that_come_a_little_late_are_no_gap() -> None:
    late = [second(at * 1.01) for at in range(600)]
    assert len(unbroken(late)) == 1
    assert len(unbroken(thinned(late, 60))) == 1
    assert unbroken(()) == ()


def test_a_stretch_of_one_value_has_no_range_but_that_value() -> None:
    made = together([second(1.0, pool_used=0.5), second(2.0, pool_used=0.5)])
    assert made.ranges == {}
    assert made.range_of("pool_used") == ValueRange(0.5, 0.5)
    assert made.range_of("gpu_utilization") is None


async def kept(path: Path, ticks: list[Tick], begin: float, most: int) -> tuple[Tick, ...]:
    async with Store(path) as store:
        await store.save_ticks("local", ticks)
        return await store.ticks("local", begin, NOW, most)


@settings(max_examples=40)
@given(ticks=seconds())
async def test_the_database_puts_seconds_together_as_memory_does(ticks: list[Tick]) -> None:
    async with aiosqlite.connect(":memory:") as database:
        await database.executescript(f"{tick_table.CREATE}{tick_table.ADD_GPU_MEMORY}")
        await tick_table.keep(database, "local", ticks)
        asked = tick_table.question("local", NOW - 121, NOW, 1, NOW)
        (found,) = tick_table.ticks_of(await database.execute_fetchall(*asked))
    expected = together(ticks)
    assert (found.at, found.seconds, found.requests) == (
        expected.at,
        expected.seconds,
        expected.requests,
    )
    assert found.computed_tokens == expected.computed_tokens
    for figure in TICK_FIGURES:
        assert found.range_of(figure) == expected.range_of(figure)
        told = getattr(expected, figure)
        assert getattr(found, figure) == (None if told is None else pytest.approx(told))


async def test_of_a_day_that_is_kept_the_lowest_and_the_highest_are_shown(
    tmp_path: Path, at_now: None
) -> None:
    ticks = [second(float(NOW - 7_200 + at), pool_used=0.5) for at in range(1, 7_201)]
    ticks[100] = second(ticks[100].at, pool_used=1.0)
    shown = await kept(tmp_path / "charter.db", ticks, NOW - DAY, SCREEN)
    assert 10 < len(shown) <= SCREEN
    assert sum(one.requests for one in shown) == len(ticks)
    assert max(one.high for tick in shown if (one := tick.range_of("pool_used"))) == 1.0


async def test_where_nobody_measured_nothing_is_shown(tmp_path: Path, at_now: None) -> None:
    minutes = [second(float(NOW - 3_600 + at)) for at in range(3_600) if not 600 <= at < 3_000]
    shown = await kept(tmp_path / "charter.db", minutes, NOW - 3_600, SCREEN)
    assert len(unbroken(shown)) == 2


async def test_two_engines_that_watch_one_deployment_keep_each_second_once(
    tmp_path: Path, at_now: None
) -> None:
    path = tmp_path / "charter.db"
    ticks = [second(float(NOW - at)) for at in range(60, 0, -1)]
    await kept(path, ticks, NOW - 60, 60)
    shown = await kept(path, [second(one.at - 0.3) for one in ticks], NOW - 61, 1)
    assert [one.requests for one in shown] == [60]


async def test_older_times_are_kept_by_ever_longer_stretches(tmp_path: Path, at_now: None) -> None:
    path = tmp_path / "charter.db"
    for days in (40, 20, 3, 0):
        begun = float(NOW - days * DAY)
        shown = await kept(path, [second(begun - at) for at in range(59, -1, -1)], 0, 1)
    async with Store(path) as store:
        await store.prune()
        rows = await store._rows("SELECT step, count(*) FROM tick GROUP BY step", ())
        assert dict(rows) == {1: 60, 10: 12, 60: 3, 600: 4, 3_600: 4}
        (year,) = await store.ticks("local", NOW - LEVELS[-1].kept, NOW, 1)
        assert year.seconds == 240
    assert shown
