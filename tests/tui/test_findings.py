"""The findings screen."""

from msgspec.structs import replace

from charter_engine.contracts.commands import Lint
from charter_engine.contracts.graph import CompiledFile, Opportunity
from charter_engine.contracts.lint import Finding
from charter_tui.present.findings import detail_lines, finding_columns, finding_rows
from charter_tui.present.spans import text_of
from charter_tui.screens.findings import FindingsScreen
from charter_tui.screens.node import NodeScreen
from tests.tui.conftest import Open
from tests.tui.scene import AGENT, CALLS, ENTITIES, SESSION, VALIDATED

FINDING = Finding(
    rule="variable-before-static",
    severity="warning",
    confidence="certain",
    path=AGENT,
    line=36,
    column=9,
    end_line=39,
    message="the document stands before text that every call shares",
    remedy="Move the document behind the task.",
    node=VALIDATED,
    tokens_per_call=120,
    fixable=True,
)
OPPORTUNITY = Opportunity(
    pattern="shared_prefix",
    nodes=(ENTITIES, VALIDATED),
    shared_tokens=41,
    derivation="both begin alike",
)
COMPILED = replace(
    SESSION, compiled=CompiledFile(path=AGENT, calls=CALLS, opportunities=(OPPORTUNITY,))
)


def test_a_finding_names_rule_place_and_tokens() -> None:
    row = finding_rows((FINDING,), ())[1]
    cells = [text_of(cell) for cell in row.cells]
    assert cells[:3] == ["! variable-before-static", "validated:36", "?120"]


def test_the_detail_tells_the_remedy_and_that_it_can_be_done() -> None:
    text = "\n".join(text_of(item) for item in detail_lines("lint:0", (FINDING,), (), 80))
    assert "Move the document behind the task." in text
    assert "lint --fix" in text


def test_columns_fill_the_width() -> None:
    assert sum(column.width for column in finding_columns(120)) + 4 == 120


async def test_findings_and_opportunities_are_listed_and_explained(console: Open) -> None:
    async with console(COMPILED, size=(120, 36)) as stage:
        stage.engine.answers[Lint] = lambda _: (FINDING,)
        await stage.press("4")
        assert isinstance(stage.app.screen, FindingsScreen)
        await stage.until(lambda: "variable-before-static" in stage.text())
        await stage.until(lambda: "Move the document behind the task." in stage.text())
        await stage.press("down")
        await stage.until(lambda: "both begin alike" in stage.text())
        await stage.press("escape")
        assert not isinstance(stage.app.screen, FindingsScreen)


async def test_in_a_replay_no_key_is_named_that_would_propose_a_plan(console: Open) -> None:
    promising = replace(OPPORTUNITY, expected_hit_rate=0.7)
    compiled = CompiledFile(path=AGENT, calls=CALLS, opportunities=(promising,))
    for mode, named in (("live", True), ("replay", False)):
        session = replace(SESSION, compiled=compiled, mode=mode)
        async with console(session, size=(120, 36)) as stage:
            stage.engine.answers[Lint] = lambda _: ()
            await stage.press("4")
            await stage.until(lambda: "both begin alike" in stage.text())
            assert stage.shows("2 a proposes a plan") is named


async def test_enter_opens_the_call_that_a_finding_is_about(console: Open) -> None:
    elsewhere = replace(FINDING, node="", rule="import-time")
    async with console(COMPILED, size=(120, 36)) as stage:
        stage.engine.answers[Lint] = lambda _: (elsewhere, FINDING)
        await stage.press("4")
        await stage.until(lambda: stage.shows("import-time"))
        assert not stage.shows("⏎ Open")
        await stage.press("enter")
        assert "there is none to open" in stage.told()
        await stage.press("down")
        assert stage.shows("⏎ Open")
        await stage.press("enter")
        assert isinstance(stage.app.screen, NodeScreen)
        assert stage.shows(f"{VALIDATED}")
        await stage.press("escape")
        assert stage.shows("import-time")


async def test_a_clean_agent_is_told_to_be_clean(console: Open) -> None:
    async with console() as stage:
        stage.engine.answers[Lint] = lambda _: ()
        await stage.press("4")
        await stage.until(lambda: "no prompt wastes its cache" in stage.text())


async def test_what_is_told_of_a_finding_can_be_scrolled_where_it_is_long(console: Open) -> None:
    long = replace(FINDING, remedy=" ".join(f"step {number}." for number in range(200)))
    async with console(COMPILED) as stage:
        stage.engine.answers[Lint] = lambda _: (long,)
        await stage.press("4")
        await stage.until(lambda: stage.shows("step 0."))
        assert not stage.shows("step 199.")
        await stage.press("tab", *["pagedown"] * 6)
        await stage.until(lambda: stage.shows("step 199."))
