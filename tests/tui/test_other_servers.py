"""The console on a vLLM: what it says of it, and what it greys, with the reason and the remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from charter_engine.contracts.commands import EditNode
from charter_engine.contracts.gauges import Session
from charter_engine.contracts.server import ServerLever
from charter_tui.opening import make_app
from charter_tui.options import Options
from charter_tui.screens.form import FormScreen
from charter_tui.state import Snapshot
from tests.integration.service.engines import write_agent
from tests.stand_ins import VllmStandIn, standing_in
from tests.tui.conftest import Open
from tests.tui.server_scene import ON_VLLM, VLLM, VLLM_SAMPLE
from tests.tui.test_snapshots import Shown

POLLS = 2_000
RETENTION_ON_V2 = ServerLever(
    name="retention",
    acts=False,
    reason="KV cache manager V2 gives every page the default priority",
    remedy="use_kv_cache_manager_v2: false",
)


@pytest.mark.parametrize("keys", [("9", *["down"] * 8), ("2",)], ids=["deploy", "tuning"])
def test_what_cannot_be_done_is_greyed_with_the_reason(
    snap_compare: Any, tmp_path: Path, keys: tuple[str, ...]
) -> None:
    shown = Shown(tmp_path / "s", "charter-dark", ON_VLLM, VLLM_SAMPLE)

    async def run_before(pilot: Pilot[Any]) -> None:
        stage = await shown.ready(pilot)
        await stage.press(*keys)
        assert "vLLM has none" in stage.text()

    assert snap_compare(shown.app, terminal_size=(120, 36), run_before=run_before)


async def test_the_server_is_called_by_its_kind_and_its_counters_are_told(console: Open) -> None:
    async with console(ON_VLLM, VLLM_SAMPLE, size=(120, 36)) as stage:
        assert "vLLM     ● ready" in stage.text()
        assert "5,120 prompt tokens/s" in stage.text()


async def test_a_setting_that_cannot_be_changed_from_here_is_not_edited(console: Open) -> None:
    async with console(ON_VLLM, VLLM_SAMPLE, size=(120, 36)) as stage:
        await stage.press("2", "enter")
        assert not isinstance(stage.app.screen, FormScreen)
        assert "--block-size" in stage.told()


async def test_where_no_retention_acts_a_nodes_form_is_of_its_layout(console: Open) -> None:
    async with console(ON_VLLM, VLLM_SAMPLE, size=(120, 36)) as stage:
        await stage.press("down", "e")
        assert isinstance(stage.app.screen, FormScreen)
        assert "No retention" in stage.text()
        assert "priority" not in stage.text().split("No retention")[0]
        await stage.press(*["backspace"] * len("source"))
        await stage.type("prefix-first")
        await stage.press("enter")
        await stage.until(lambda: stage.engine.asked(EditNode))
        (edit,) = stage.engine.asked(EditNode)
        assert isinstance(edit, EditNode)
        assert edit.layout == "prefix-first"


async def test_retention_that_a_manager_ignores_is_greyed_with_its_remedy(console: Open) -> None:
    levers = tuple(RETENTION_ON_V2 if lever.name == "retention" else lever for lever in VLLM.levers)
    session: Session = replace(ON_VLLM, server=replace(VLLM, kind="triton-llmapi", levers=levers))
    async with console(session, VLLM_SAMPLE, size=(200, 60)) as stage:
        await stage.press("2")
        assert "→ use_kv_cache_manager_v2: false" in stage.text()


async def test_the_console_starts_an_engine_on_a_server_and_runs_an_agent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CHARTER_SOCKET", str(tmp_path / "default.sock"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with standing_in(VllmStandIn()) as url:
        app = make_app(Options(agent=str(write_agent(tmp_path)), server=url))
        async with app.run_test(size=(120, 36)) as pilot:

            async def until(holds: Callable[[Snapshot], object]) -> None:
                for _ in range(POLLS):
                    if holds(app.snapshot):
                        return
                    await pilot.pause(0.05)
                pytest.fail(f"not in time; {app.snapshot}")

            await until(lambda now: now.session and now.session.server and now.calls)
            assert app.snapshot.run is None or app.snapshot.run.progress.state == "none"
            await pilot.press("r")
            await until(lambda now: now.run and now.run.progress.state == "done")
            assert app.snapshot.nodes is not None
            assert [node.requests for node in app.snapshot.nodes.nodes] == [3, 3]
