"""What the keys do to the draft, with what goes out to the engine."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from charter_engine.contracts.commands import (
    CheckSetting,
    DiscardDraft,
    EditNode,
    EditServer,
    ProposePlan,
    SavePlan,
    SweepSetting,
    UndoEdit,
)
from charter_engine.contracts.sweeping import SettingSweep, SweptValue
from charter_tui.screens.form import FormScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.tuning import TuningScreen, TuningTable
from tests.tui.conftest import Open
from tests.tui.scene import (
    DRAFT,
    ENTITIES,
    VALIDATED,
    prediction,
)


async def test_an_edit_of_priority_and_duration_goes_to_the_draft(console: Open) -> None:
    async with console() as stage:
        await stage.press("e")
        await stage.type("70")
        await stage.press("tab")
        await stage.type("45s")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(EditNode))
        assert stage.engine.asked(EditNode) == [
            EditNode(node=ENTITIES, base_revision=3, range=0, priority=70, duration_ms=45_000)
        ]
        await stage.until(lambda: isinstance(stage.app.screen, GraphScreen))


async def test_a_mistyped_priority_stays_typed_with_the_reason(console: Open) -> None:
    async with console() as stage:
        await stage.press("e")
        await stage.type("101")
        await stage.press("enter")
        assert isinstance(stage.app.screen, FormScreen)
        assert "is not a priority" in stage.text()
        assert "101" in stage.text()
        assert not stage.engine.asked(EditNode)


async def test_a_refused_edit_keeps_what_was_typed_and_shows_the_engines_reason(
    console: Open,
) -> None:
    async with console() as stage:
        stage.engine.refuse(EditServer, "48 is not a power of two", "try 32 or 64")
        await stage.press("2", "enter")
        await stage.type("48")
        await stage.press("enter")
        await stage.until(lambda: "not a power of two" in stage.text())
        assert "Try 32 or 64" in stage.text()
        assert "48" in stage.text()
        assert isinstance(stage.app.screen, FormScreen)
        await stage.press("escape")
        assert isinstance(stage.app.screen, TuningScreen)


async def test_what_is_wrong_with_a_setting_is_told_while_it_is_typed(console: Open) -> None:
    async with console() as stage:
        stage.engine.refuse(CheckSetting, "48 is not a power of two", "try 32 or 64")
        await stage.press("2", "enter")
        assert "Live: =32." in stage.text()
        await stage.type("48")
        await stage.until(lambda: "not a power of two" in stage.text())
        stage.engine.answers[CheckSetting] = lambda _: None
        await stage.press("0")
        await stage.until(lambda: "not a power of two" not in stage.text())
        assert stage.engine.asked(CheckSetting)[-1] == CheckSetting(
            key="tokens_per_block", value="480"
        )
        assert not stage.engine.asked(EditServer)


async def test_a_setting_is_edited_on_the_revision_it_was_seen_at(console: Open) -> None:
    async with console() as stage:
        await stage.press("2", "enter")
        await stage.type("16")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(EditServer))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value="16", base_revision=3)
        ]


@pytest.mark.parametrize(("key", "command"), [("a", ProposePlan), ("x", DiscardDraft)])
async def test_the_draft_is_proposed_and_discarded(console: Open, key: str, command: type) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", key)
        await stage.until(lambda: stage.engine.asked(command))


async def test_what_the_draft_changes_is_shown_alone(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "v")
        table = stage.app.screen.query_one(TuningTable)
        assert [row.key for row in table.rows] == [
            "server:tokens_per_block",
            f"retention:{VALIDATED}",
            f"layout:{VALIDATED}",
        ]
        await stage.press("v")
        assert len(table.rows) > 10


async def test_the_draft_is_saved_as_a_file_of_its_full_path(console: Open) -> None:
    async with console(DRAFT) as stage:
        await stage.press("2", "O", "enter")
        await stage.until(lambda: stage.engine.asked(SavePlan))
        path = str(Path("plan.yaml").absolute())
        assert stage.engine.commands[-1] == SavePlan(path=path)
        await stage.until(lambda: f"The plan is in {path}" in stage.told())


async def test_keys_stay_live_while_a_plan_is_worked_out(console: Open) -> None:
    async with console(DRAFT) as stage:
        answered = asyncio.Event()

        async def slowly(_: object) -> None:
            await answered.wait()

        stage.engine.answers[ProposePlan] = slowly
        await stage.press("2", "a")
        await stage.until(lambda: "works out a plan" in stage.text())
        await stage.press("1")
        assert isinstance(stage.app.screen, GraphScreen)
        await stage.press("2")
        answered.set()
        await stage.until(lambda: "works out a plan" not in stage.text())


async def test_plus_and_minus_step_the_setting_under_the_cursor(console: Open) -> None:
    async with console() as stage:
        await stage.press("2", "plus", "minus", "less_than_sign")
        await stage.until(lambda: stage.engine.asked(UndoEdit))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value=value, base_revision=3)
            for value in ("64", "16")
        ]


async def test_a_swept_value_is_taken_over_into_the_draft(console: Open) -> None:
    async with console() as stage:
        stage.engine.answers[SweepSetting] = lambda _: SettingSweep(
            key="tokens_per_block",
            values=tuple(
                SweptValue(value=value, predicted=prediction(rate, 90.0), drafted=value == "32")
                for value, rate in (("16", 0.5), ("32", 0.3))
            ),
        )
        await stage.press("2", "s")
        await stage.until(partial(stage.shows, "▸ 32"))
        await stage.press("up", "enter")
        await stage.until(lambda: stage.engine.asked(EditServer))
        assert stage.engine.asked(EditServer) == [
            EditServer(key="tokens_per_block", value="16", base_revision=3)
        ]
        assert isinstance(stage.app.screen, TuningScreen)
