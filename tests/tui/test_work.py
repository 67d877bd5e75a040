"""The work screen: its keys, its forms, and what goes to the engine."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.commands import (
    Bench,
    Calibrate,
    CancelWork,
    DraftFoundPlan,
    FindPlan,
    Learn,
    Predict,
    ProposePlan,
)
from charter_engine.contracts.gauges import Recording
from charter_engine.contracts.learning import CalibrateRequest, LearnRequest
from charter_engine.contracts.planning import Levers, PlanRequest
from charter_engine.contracts.predicting import PredictRequest
from charter_tui.screens.confirm import Confirm
from charter_tui.screens.form import FormScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.tuning import TuningScreen
from charter_tui.screens.work import WorkResult, WorkScreen, WorkTable
from tests.tui.conftest import Open, Stage
from tests.tui.scene import REPLAY
from tests.tui.work_scene import ALL, FAILED, IN_PROGRESS, done


async def opened(stage: Stage, downs: int) -> None:
    """The form of the kind of work that many rows down."""
    await stage.press("5", *["down"] * downs, "enter")
    assert isinstance(stage.app.screen, FormScreen)


async def test_5_opens_the_work_and_escape_closes_it(console: Open) -> None:
    async with console() as stage:
        await stage.press("5")
        assert stage.app.screen.query_one(WorkTable).key == "plan"
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_a_digit_leaves_the_work(console: Open) -> None:
    async with console() as stage:
        await stage.press("5", "2")
        assert isinstance(stage.app.screen, TuningScreen)


async def test_a_plan_is_asked_for_with_everything_typed(console: Open) -> None:
    async with console() as stage:
        await opened(stage, 0)
        for text in ("/w/monday.charter", "/w/reuse.json", "none", "throughput", "steps"):
            await stage.type(text)
            await stage.press("tab")
        await stage.type("layout")
        await stage.press("tab")
        await stage.type("/w/plan.yaml")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(FindPlan))
        assert stage.engine.asked(FindPlan) == [
            FindPlan(
                request=PlanRequest(
                    workload="/w/monday.charter",
                    reuse_times="/w/reuse.json",
                    preset="none",
                    objective="throughput",
                    policy="steps",
                    levers=Levers(layout=False),
                    output="/w/plan.yaml",
                )
            )
        ]
        await stage.until(lambda: isinstance(stage.app.screen, WorkScreen))


async def test_settings_are_swept_as_typed(console: Open) -> None:
    async with console() as stage:
        await opened(stage, 1)
        await stage.type("/w/monday.charter")
        await stage.press("tab", "tab")
        await stage.type("steps")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Predict))
        assert stage.engine.asked(Predict) == [
            Predict(
                request=PredictRequest(workload="/w/monday.charter", policies=("default", "steps")),
                settings=("tokens_per_block=16,32,64",),
            )
        ]


async def test_reuse_times_are_learnt_from_paths_with_the_home_expanded(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/operator")
    async with console() as stage:
        await opened(stage, 2)
        await stage.press("tilde")
        await stage.type("/a.jsonl")
        await stage.press("comma")
        await stage.type(" /w/b.jsonl")
        await stage.press("tab")
        await stage.type("/w/reuse.json")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Learn))
        assert stage.engine.asked(Learn) == [
            Learn(
                request=LearnRequest(
                    sources=("/home/operator/a.jsonl", "/w/b.jsonl"), output="/w/reuse.json"
                )
            )
        ]


async def test_a_calibration_offers_the_recording_that_is_written(console: Open) -> None:
    async with console(Recording(path="/w/run.charter")) as stage:
        await opened(stage, 3)
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Calibrate))
        assert stage.engine.asked(Calibrate) == [
            Calibrate(request=CalibrateRequest(recording="/w/run.charter"))
        ]


async def test_a_benchmark_measures_on_servers_of_its_own_unless_told(console: Open) -> None:
    async with console() as stage:
        await opened(stage, 4)
        await stage.press("tab", "tab")
        await stage.type("3")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(Bench))
        assert stage.engine.asked(Bench) == [
            Bench(request=BenchRequest(agent="", iterations=3, passes=3, quick=True))
        ]


@pytest.mark.parametrize(("answer", "sent"), [("y", 1), ("n", 0)])
async def test_a_benchmark_on_the_deployment_asks_first(
    console: Open, answer: str, sent: int
) -> None:
    async with console() as stage:
        await opened(stage, 4)
        await stage.press(*["tab"] * 5)
        await stage.type("the deployment")
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, Confirm))
        assert not stage.engine.asked(Bench)
        await stage.press(answer)
        await stage.until(lambda: isinstance(stage.app.screen, WorkScreen if sent else FormScreen))
        assert len(stage.engine.asked(Bench)) == sent


@pytest.mark.parametrize(
    ("downs", "tabs", "typed", "words"),
    [
        (0, 3, "speed", "is not one of ttft, throughput, memory"),
        (0, 4, "lru", "is not one of default, static, steps, next-use"),
        (0, 5, "layouts", "is not one of layout, block_size"),
        (1, 2, "oldest", "is not one of default, static"),
        (2, 2, "later", "is not one of sent, answered"),
        (4, 2, "none", "is not a whole number from 1"),
        (4, 5, "elsewhere", "is not one of servers of its own"),
    ],
)
async def test_what_is_mistyped_is_said_while_it_is_typed(
    console: Open, downs: int, tabs: int, typed: str, words: str
) -> None:
    async with console() as stage:
        await opened(stage, downs)
        await stage.press(*["tab"] * tabs)
        await stage.type(typed)
        assert words in " ".join(stage.text().split())


async def test_a_setting_that_is_none_is_said(console: Open) -> None:
    async with console() as stage:
        await opened(stage, 1)
        await stage.type("/w/monday.charter")
        await stage.press("tab")
        await stage.type("blocks=3")
        await stage.press("enter")
        assert "'blocks' is not a setting" in stage.text()
        assert not stage.engine.asked(Predict)


@pytest.mark.parametrize("downs", [1, 2, 3])
async def test_a_form_without_its_file_is_not_sent(console: Open, downs: int) -> None:
    async with console() as stage:
        await opened(stage, downs)
        await stage.press("enter")
        assert isinstance(stage.app.screen, FormScreen)
        assert "Give the path of a file" in stage.text()


async def test_what_the_engine_refuses_is_kept_in_the_form(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(Learn, "/w/a.jsonl: there is no such file", "check the path")
        await opened(stage, 2)
        await stage.type("/w/a.jsonl")
        await stage.press("enter")
        await stage.until(lambda: "there is no such file" in stage.text())
        assert "Check the path" in stage.text()
        assert isinstance(stage.app.screen, FormScreen)


async def test_c_stops_the_work_in_progress(console: Open) -> None:
    async with console(IN_PROGRESS) as stage:
        await stage.press("5")
        assert "7 of 24" in stage.text()
        await stage.press("c")
        await stage.until(lambda: stage.engine.asked(CancelWork))


async def test_c_stops_working_out_a_plan_beside_the_draft(console: Open) -> None:
    async with console(replace(IN_PROGRESS, kind="plan", left_ms=9_000.0)) as stage:
        await stage.press("2")
        assert "7 of 24" in stage.text()
        await stage.press("c")
        await stage.until(lambda: stage.engine.asked(CancelWork))


async def test_d_loads_the_plan_that_was_found_into_the_draft(console: Open) -> None:
    async with console(done("plan"), ALL) as stage:
        await stage.press("5", "d")
        await stage.until(lambda: stage.engine.asked(DraftFoundPlan))
        assert stage.engine.asked(DraftFoundPlan) == [DraftFoundPlan(base_revision=3)]
        await stage.until(lambda: "The plan is the draft" in stage.told())


async def test_work_that_failed_says_why_and_what_to_do(console: Open) -> None:
    async with console(FAILED) as stage:
        await stage.press("5")
        assert "this is no workload: rain until noon" in stage.text()
        assert "requests with a `session`" in stage.text()


async def test_the_result_follows_the_cursor_and_scrolls(console: Open) -> None:
    async with console(done("plan"), ALL) as stage:
        await stage.press("5")
        result = stage.app.screen.query_one(WorkResult)
        assert "▸ proposed" in stage.text()
        await stage.press("tab", "pagedown")
        assert result.scroll_offset.y > 0
        await stage.press("shift+tab", "down")
        assert "tokens_per_block" in stage.text()
        assert result.scroll_offset.y == 0


async def test_read_only_refuses_every_form_and_says_so(console: Open) -> None:
    async with console(read_only=True) as stage:
        await stage.press("5", "enter")
        assert isinstance(stage.app.screen, WorkScreen)
        assert "read-only" in stage.told()


async def test_a_replay_shows_the_work_and_starts_none(console: Open) -> None:
    async with console(IN_PROGRESS, REPLAY) as stage:
        await stage.press("5", "enter")
        assert "7 of 24" in stage.text()
        assert isinstance(stage.app.screen, WorkScreen)
        assert "nothing can be changed" in stage.told()


async def test_a_proposal_is_asked_for_with_what_was_typed(console: Open, tmp_path: Path) -> None:
    async with console() as stage:
        await stage.press("2", "A")
        await stage.type("/w/monday.charter")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(ProposePlan))
        assert stage.engine.asked(ProposePlan) == [
            ProposePlan(base_revision=3, request=PlanRequest(workload="/w/monday.charter"))
        ]
        await stage.until(lambda: isinstance(stage.app.screen, TuningScreen))


async def test_a_refused_proposal_is_kept_in_the_form(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(ProposePlan, "/w/a.jsonl: there is no such file", "check the path")
        await stage.press("2", "A")
        await stage.type("/w/a.jsonl")
        await stage.press("enter")
        await stage.until(lambda: "there is no such file" in stage.text())
        assert isinstance(stage.app.screen, FormScreen)


async def test_a_proposal_that_takes_longer_is_awaited_on_the_tuning_screen(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charter_tui.screens.work_forms.REFUSAL_SECONDS", 0.05)
    async with console() as stage:
        go_on = asyncio.Event()

        async def slowly(_: object) -> None:
            await go_on.wait()

        stage.engine.answers[ProposePlan] = slowly
        await stage.press("2", "A", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, TuningScreen))
        await stage.until(lambda: "works out a plan" in stage.text())
        go_on.set()
        await stage.until(lambda: "works out a plan" not in stage.text())
