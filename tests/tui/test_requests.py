"""The requests screen: a tail that goes on, filters, and why one missed."""

from functools import partial

from charter_engine.contracts.commands import ExplainMiss
from charter_engine.contracts.explaining import MissQuery
from charter_engine.contracts.traffic import TrafficRecord
from charter_tui.screens.request import RequestScreen
from charter_tui.screens.requests import RequestsTable
from tests.tui.answers import about_requests
from tests.tui.conftest import Open, Stage
from tests.tui.scene import CALLED_BY_HAND
from tests.tui.traffic_scene import OWN_ONLY, PASSED, record


def answers(stage: Stage, *records: TrafficRecord) -> list[TrafficRecord]:
    """What passed so far, to be added to."""
    told = list(records)
    stage.engine.answers |= about_requests(told)
    return told


def listed(stage: Stage) -> list[str]:
    return [row.key for row in stage.app.screen.query_one(RequestsTable).rows]


async def test_what_passes_is_listed_the_latest_first_and_goes_on(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        told = answers(stage, *PASSED)
        await stage.press("7")
        await stage.until(lambda: listed(stage) == ["6", "5", "4", "3", "2", "1"])
        await stage.until(lambda: "time stamp" in stage.text())
        assert "~−3,300" in stage.text()
        told.append(record(7))
        await stage.until(lambda: listed(stage)[0] == "7")
        assert stage.app.screen.query_one(RequestsTable).key == "7"


async def test_a_cause_and_the_requests_of_a_session_name_calls_as_the_graph_does(
    console: Open,
) -> None:
    async with console(CALLED_BY_HAND, size=(120, 36)) as stage:
        answers(stage, *PASSED)
        await stage.press("7")
        await stage.until(lambda: "=10  second look" in stage.text())
        await stage.press("enter")
        await stage.until(lambda: "computed  second look" in stage.text())


async def test_own_runs_stay_beside_what_others_send_and_are_told_apart(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        told = answers(stage, *OWN_ONLY)
        await stage.press("7")
        await stage.until(lambda: listed(stage) == ["4"])
        told += PASSED[4:]
        await stage.until(lambda: listed(stage) == ["6", "5", "4"])
        assert "3 requests" in stage.text() and "▸ 1 of own runs" in stage.text()
        await stage.press("i")
        assert listed(stage) == ["6", "5"]
        assert "own runs hidden" in stage.text()


async def test_requests_are_filtered_by_what_is_typed_and_by_failure(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        answers(stage, *PASSED)
        await stage.press("7")
        await stage.until(lambda: len(listed(stage)) == 6)
        await stage.press("f")
        assert listed(stage) == ["5"]
        await stage.press("f", "slash")
        await stage.type("desk")
        await stage.press("tab", "tab")
        await stage.type("4s")
        await stage.press("enter")
        await stage.until(lambda: listed(stage) == ["6"])
        assert "of desk, slower than 4 s" in stage.text()


async def test_enter_tells_why_a_request_missed_and_shows_its_session(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        answers(stage, *PASSED)
        await stage.press("7")
        await stage.until(lambda: len(listed(stage)) == 6)
        await stage.press("enter")
        await stage.until(lambda: "Left an earlier prompt" in stage.text())
        assert isinstance(stage.app.screen, RequestScreen)
        assert ExplainMiss(query=MissQuery(request="6")) in stage.engine.asked(ExplainMiss)
        assert "Session desk-7  4 requests" in stage.text()
        await stage.press("escape")
        assert listed(stage)


async def test_with_room_the_request_under_the_cursor_is_told_of_beside_the_others(
    console: Open,
) -> None:
    async with console(size=(200, 60)) as stage:
        answers(stage, *PASSED)
        await stage.press("7")
        await stage.until(partial(stage.shows, "put the time behind what requests share"))
        assert stage.shows("Request 6  validated") and stage.shows("Session desk-7  4 requests")
        assert len(stage.engine.asked(ExplainMiss)) == 1
        await stage.press("down")
        assert stage.shows("Request 5  entities") and stage.shows("enter tells what became of each")
        await stage.pilot.resize_terminal(120, 40)
        await stage.settle()
        assert not stage.shows("Request 5")


async def test_before_anything_passed_the_screen_says_so(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        answers(stage)
        await stage.press("7")
        await stage.until(lambda: "No request has passed yet" in stage.text())
