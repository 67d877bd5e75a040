"""The runs screen: its keys, with the engine's side checked where a command goes out."""

from typing import cast

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.protocol import CompareRuns, Runs, ShowRun, StartRun
from charter_engine.contracts.runs import RunComparison, RunDetail
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.runs import RunsScreen
from tests.tui.conftest import Open, Stage
from tests.tui.scene import RUNS, START, VALIDATED


def answers(stage: Stage) -> None:
    """What the engine tells of any of the runs."""

    def shown(command: object) -> RunDetail:
        run = RUNS.numbered(cast("ShowRun", command).number)
        assert run is not None
        slow = RequestRecord(
            run=run.run, node=VALIDATED, item=7, started_at=START, latency_ms=1_234.0
        )
        return RunDetail(summary=run, requests=(slow,))

    def compared(command: object) -> RunComparison:
        asked = cast("CompareRuns", command)
        before, after = RUNS.numbered(asked.before), RUNS.numbered(asked.after)
        assert before is not None
        assert after is not None
        return RunComparison(before=before, after=after, verdict=RUNS.verdict)

    stage.engine.answers |= {ShowRun: shown, CompareRuns: compared}


async def test_the_run_under_the_cursor_is_compared_with_the_one_before_it(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        answers(stage)
        await stage.press("6")
        await stage.until(lambda: "A run 5 revision 3  against  B run 6 revision 3" in stage.text())
        await stage.press("down")
        await stage.until(lambda: "A run 4 as written  against  B run 5" in stage.text())
        assert "not worth it here" in stage.text()
        assert "=1.23 s" in stage.text()
        await stage.press("down")
        await stage.until(lambda: "There is no earlier run" in stage.text())
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_any_two_runs_are_compared_by_marking_one(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        answers(stage)
        await stage.press("6", "end", "m")
        await stage.until(lambda: "Run 4 is A" in stage.text())
        await stage.press("home")
        await stage.until(lambda: "A run 4 as written  against  B run 6" in stage.text())
        await stage.press("end", "m", "home")
        await stage.until(lambda: "A run 5 revision 3  against  B run 6" in stage.text())


async def test_a_run_is_made_again_by_its_number(console: Open) -> None:
    async with console() as stage:
        answers(stage)
        await stage.press("6", "down", "n")
        await stage.until(lambda: stage.engine.asked(StartRun))
        assert stage.engine.asked(StartRun) == [StartRun(repeat=5)]


async def test_without_runs_the_screen_says_how_to_make_one(console: Open) -> None:
    async with console(Runs(), size=(120, 36)) as stage:
        await stage.press("6")
        assert isinstance(stage.app.screen, RunsScreen)
        assert "r runs it as it is live, b as written" in stage.text()
