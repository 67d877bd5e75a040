"""What the keys of the graph and of a call do."""

from functools import partial

import pytest
from msgspec.structs import replace

from charter_engine.contracts.commands import (
    CancelRun,
    OpenAgent,
    StartRun,
)
from charter_engine.contracts.gauges import Nodes
from charter_engine.contracts.graph import CompiledFile, Dependency
from charter_engine.contracts.live import NodeStats
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.widgets.graph_table import GraphTable
from tests.tui.conftest import Open
from tests.tui.scene import (
    AGENT,
    CALLS,
    CLASSIFICATION,
    ENTITIES,
    SESSION,
    VALIDATED,
)


async def test_the_cursor_moves_over_nodes_and_skips_headings(console: Open) -> None:
    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        assert table.key == ENTITIES
        await stage.press("down")
        assert table.key == VALIDATED
        await stage.press("end")
        assert table.key == CLASSIFICATION
        await stage.press("home", "up")
        assert table.key == ENTITIES


async def test_columns_are_chosen_by_their_words(console: Open) -> None:
    async with console() as stage:
        await stage.press("K")
        await stage.type("hit_bar")
        await stage.press("enter")
        (heading,) = [line.split() for line in stage.text().splitlines() if "NODE" in line]
        assert heading == ["NODE", "HIT"]


async def test_the_cursor_follows_what_runs_and_may_be_moved_in_between(console: Open) -> None:
    def at(running: str) -> Nodes:
        return Nodes(
            tuple(NodeStats(node=one.id, state="running") for one in CALLS if one.id == running)
        )

    async with console() as stage:
        table = stage.app.screen.query_one(GraphTable)
        stage.engine.hub.publish(at(VALIDATED))
        await stage.press("L")
        await stage.until(lambda: table.key == VALIDATED)
        assert stage.shows("following what runs")
        await stage.press("up")
        assert table.key == ENTITIES
        stage.engine.hub.publish(at(CLASSIFICATION))
        await stage.until(lambda: table.key == CLASSIFICATION)


async def test_enter_opens_the_node_and_brackets_go_to_its_neighbours(console: Open) -> None:
    async with console() as stage:
        await stage.press("down", "enter")
        screen = stage.app.screen
        assert isinstance(screen, NodeScreen)
        assert screen.node == VALIDATED
        await stage.press("right_square_bracket")
        assert screen.node == CLASSIFICATION
        await stage.press("left_square_bracket", "left_square_bracket")
        assert screen.node == ENTITIES
        await stage.press("escape")
        assert isinstance(stage.app.screen, GraphScreen)


async def test_runs_are_started_and_cancelled(console: Open) -> None:
    wanted = [StartRun(), StartRun(variant="baseline"), CancelRun()]
    async with console() as stage:
        await stage.press("r", "b", "c")
        await stage.until(lambda: len(stage.engine.commands) == len(wanted))
        assert stage.engine.commands == wanted


async def test_the_call_under_the_cursor_is_shown_below_the_graph(console: Open) -> None:
    async with console(size=(120, 40)) as stage:
        await stage.press("down")
        await stage.until(lambda: "document_processor.py:36" in stage.text())
        await stage.press("down")
        await stage.until(lambda: "document_processor.py:41" in stage.text())


async def test_a_smaller_terminal_keeps_the_row_under_the_cursor_in_view(console: Open) -> None:
    calls = tuple(
        replace(
            CALLS[0],
            id=f"Deep.run:step_{number}",
            output=f"step_{number}",
            depends_on=(Dependency(f"Deep.run:step_{number - 1}"),) if number else (),
        )
        for number in range(60)
    )
    async with console(
        replace(SESSION, compiled=CompiledFile(path=AGENT, calls=calls)), size=(120, 40)
    ) as stage:
        await stage.press("end")
        await stage.until(lambda: "step_59" in stage.text())
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "step_59" in stage.text() and "◌ waiting" in stage.text())


async def test_an_agent_is_opened_by_its_full_path(console: Open) -> None:
    async with console() as stage:
        await stage.press("o")
        await stage.press("ctrl+u")
        await stage.type("other.py")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(OpenAgent))
        (command,) = stage.engine.asked(OpenAgent)
        assert isinstance(command, OpenAgent)
        assert command.path.startswith("/")
        assert command.path.endswith("other.py")


@pytest.mark.parametrize("size", [(79, 24), (60, 20), (40, 12)])
async def test_a_small_terminal_shows_every_node_with_its_hit_rate(
    console: Open, size: tuple[int, int]
) -> None:
    async with console(size=size) as stage:
        await stage.until(lambda: "entities" in stage.text())
        assert "HIT" in stage.text()
        assert "=8.3 %" in stage.text()


async def test_no_agent_says_how_to_open_one(console: Open) -> None:
    async with console(base=()) as stage:
        assert "connected" in stage.text()
        stage.engine.hub.publish(type(SESSION)(engine_version="0.1.0", phase="ready"))
        await stage.until(lambda: "No agent is open" in stage.text())


async def test_the_agent_and_the_meaningless_text_are_named(console: Open) -> None:
    async with console() as stage:
        assert AGENT.rpartition("/")[2] in stage.text()
        assert "text means nothing" in stage.text()


async def test_a_changed_source_is_said_and_read_again_by_its_key(console: Open) -> None:
    async with console(replace(SESSION, source_changed=True), size=(120, 36)) as stage:
        assert "source changed: R" in stage.text()
        await stage.press("R")
        await stage.until(lambda: stage.engine.asked(OpenAgent))
        assert stage.engine.asked(OpenAgent) == [OpenAgent(path=AGENT)]


async def test_an_editor_that_is_not_named_is_asked_for(
    console: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("EDITOR", "VISUAL"):
        monkeypatch.delenv(name, raising=False)
    async with console() as stage:
        await stage.press("E")
        await stage.until(lambda: "Set EDITOR" in stage.told())


async def test_the_graph_is_filtered_by_name_and_sorted_by_what_is_paid(console: Open) -> None:
    async with console(size=(120, 36)) as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("slash")
        await stage.type("valid")
        await stage.press("enter")
        await stage.until(lambda: [row.key for row in table.rows] == [VALIDATED])
        assert "only valid" in stage.text()
        await stage.press("slash", *["backspace"] * 5, "enter")
        await stage.until(lambda: len(table.rows) == 4)
        await stage.press("s")
        assert [row.key for row in table.rows] == [VALIDATED, ENTITIES, CLASSIFICATION]
        assert "by tokens computed" in stage.text()
        await stage.press("s", "s", "s", "s")
        assert not table.rows[0].pickable


async def test_enter_folds_a_group_of_calls_and_x_opens_every_group(console: Open) -> None:
    plan, *notes = (replace(CALLS[0], id=f"Desk.run:{name}") for name in ("plan", "a", "b", "c"))
    wave = tuple(replace(note, depends_on=(Dependency(plan.id),)) for note in notes)
    session = replace(SESSION, compiled=CompiledFile(path=AGENT, calls=(plan, *wave)))
    async with console(session) as stage:
        table = stage.app.screen.query_one(GraphTable)
        await stage.press("down", "enter")
        assert "▸ a … c ⇉ 3" in stage.text()
        assert len(table.rows) == 3
        await stage.press("x")
        assert len(table.rows) == 6


@pytest.mark.parametrize(
    ("width", "name"), [(80, "validated"), (120, "DocumentProcessor.process:validated")]
)
async def test_the_log_has_a_calls_short_name_where_its_whole_id_would_be_cut(
    console: Open, width: int, name: str
) -> None:
    async with console(size=(width, 40)) as stage:
        await stage.until(partial(stage.shows, f"deadline exceeded, tried again  {name}"))
