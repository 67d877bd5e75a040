"""The cache and the sessions screens: what lies in the pool, and what continued what."""

from functools import partial

from charter_tui.present.spans import text_of
from charter_tui.screens.cache import HoldingsTable, PoolMap
from charter_tui.screens.requests import RequestsScreen, RequestsTable
from charter_tui.screens.sessions import SessionsTable
from charter_tui.widgets.keys import KeyFooter
from charter_tui.widgets.line_table import LineTable
from tests.tui.answers import about_cache, about_requests
from tests.tui.cache_scene import MEASURED_POOL
from tests.tui.conftest import Open, Stage
from tests.tui.scene import ENTITIES, VALIDATED
from tests.tui.traffic_scene import PASSED


def answers(stage: Stage) -> None:
    stage.engine.answers |= {**about_cache(), **about_requests(PASSED)}


def listed(stage: Stage, table: type[LineTable]) -> list[str]:
    return [row.key for row in stage.app.screen.query_one(table).rows]


async def test_the_pool_is_told_apart_by_node_then_by_session_and_priority(console: Open) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("0")
        await stage.until(partial(stage.shows, "~610 reusable"))
        assert listed(stage, HoldingsTable)[:2] == [ENTITIES, VALIDATED]
        await stage.press("v")
        assert listed(stage, HoldingsTable) == ["desk-7", "desk-9"]
        await stage.press("v")
        assert listed(stage, HoldingsTable) == ["35", "90"]
        (keys,) = stage.app.screen.query_one(KeyFooter).lines
        assert "⏎ Open" not in text_of(keys)
        await stage.press("enter")
        assert "Requests are not listed by priority" in stage.told()


async def test_the_map_is_as_high_as_its_lines_at_every_size(console: Open) -> None:
    async with console(size=(200, 60)) as stage:
        answers(stage)
        await stage.press("0")
        await stage.until(partial(stage.shows, "~610 reusable"))
        pool = stage.app.screen.query_one(PoolMap)
        for size in ((79, 24), (80, 60), (200, 24)):
            await stage.pilot.resize_terminal(*size)
            await stage.settle()
            assert pool.content_size.height == len(pool.lines), size
            assert stage.shows("A held by that node"), size


async def test_what_was_measured_stands_beside_what_is_predicted_and_m_shows_either(
    console: Open,
) -> None:
    async with console() as stage:
        answers(stage)
        stage.engine.answers |= about_cache(MEASURED_POOL)
        await stage.press("0")
        await stage.until(partial(stage.shows, "=588 reusable"))
        for words in (
            "=588 blocks there", "=561 as predicted", "~49 not there",
            "=27 not predicted", "=14 of no request known yet", "3 events lost",
        ):  # fmt: skip
            assert stage.shows(words), words
        entities = stage.app.screen.query_one(HoldingsTable).rows[0]
        assert ["".join(span.text for span in cell) for cell in entities.cells][2:4] == [
            "=262",
            "~290",
        ]
        await stage.press("m")
        assert stage.shows("~610 reusable") and stage.shows("m as measured")


async def test_the_keys_of_the_map_are_named_in_full_in_60_columns_by_whatever_it_is_told_apart(
    console: Open,
) -> None:
    async with console(size=(60, 20)) as stage:
        answers(stage)
        stage.engine.answers |= about_cache(MEASURED_POOL)
        await stage.press("0")
        await stage.until(partial(stage.shows, "=588 reusable"))
        for by, following in (("node", "session"), ("session", "priority"), ("priority", "node")):
            assert stage.shows(f"A held by that {by}  v by {following}")
            await stage.press("v")
        await stage.pilot.resize_terminal(80, 24)
        await stage.press("v")
        assert stage.shows("v by priority  m as predicted")


async def test_sessions_are_summed_up_as_soon_as_they_are_told(console: Open) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("S")
        await stage.until(partial(stage.shows, "2 sessions of 3  computed =4,123 tokens"))
        await stage.pilot.resize_terminal(40, 20)
        await stage.settle()
        assert stage.shows("2 sessions of 3")


async def test_where_the_server_tells_of_no_block_m_says_what_would(console: Open) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("0")
        await stage.until(partial(stage.shows, "~610 reusable"))
        await stage.press("m")
        await stage.until(lambda: "--kv-events" in stage.told())


async def test_enter_shows_the_requests_of_the_node_that_holds_blocks(console: Open) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("0")
        await stage.until(lambda: listed(stage, HoldingsTable))
        await stage.press("down", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, RequestsScreen))
        await stage.until(lambda: listed(stage, RequestsTable) == ["6", "2"])


async def test_sessions_are_listed_without_own_runs_and_enter_shows_ones_requests(
    console: Open,
) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("S")
        await stage.until(lambda: len(listed(stage, SessionsTable)) == 2)
        await stage.press("i")
        await stage.until(partial(stage.shows, "▸ run-5"))
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, RequestsScreen))
        await stage.until(lambda: listed(stage, RequestsTable) == ["6", "5", "2", "1"])
        assert stage.shows("of session desk-7")
