"""The console on the real engine, which starts a real Triton.

Run, edit, push, undo, and nothing is left behind.
"""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from charter_engine.contracts.plan import NodePlan
from charter_tui.console import Console
from charter_tui.opening import make_app
from charter_tui.options import Options
from charter_tui.screens.node import NodeScreen
from charter_tui.state import Snapshot
from tests.tui.conftest import NAMED
from tests.tui.shorter import shorter

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pytriton") is None, reason="nvidia-pytriton is not installed"
)

POLLS = 1200


async def test_an_operator_runs_edits_pushes_and_undoes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CHARTER_SOCKET", str(tmp_path / "default.sock"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    app = make_app(Options(agent=str(shorter("delta_processor", tmp_path))))
    async with app.run_test(size=(120, 36)) as pilot:

        async def until(holds: Callable[[Snapshot], object]) -> None:
            for _ in range(POLLS):
                if holds(app.snapshot):
                    return
                await pilot.pause(0.05)
            pytest.fail(f"not in time; {told(app)}; {app.snapshot}")

        await until(lambda now: now.run and now.run.progress.state == "done")
        (stats,) = app.snapshot.nodes.nodes if app.snapshot.nodes else ()
        assert stats.requests == 10
        assert stats.reused_tokens > 0
        assert stats.ttft_ms_mean is not None

        await pilot.press("enter", "e")
        assert isinstance(app.screen_stack[-2], NodeScreen)
        await pilot.press(
            *(NAMED.get(character, character) for character in "80"), "tab", *"30s", "enter"
        )
        await until(lambda now: now.has_changes and not (now.draft and now.draft.busy))
        assert app.snapshot.draft
        assert app.snapshot.draft.diff
        assert app.snapshot.draft.diff.cost == "plan reload"

        before = app.snapshot.revision
        await pilot.press("2", "p")
        await until(lambda now: now.revision > before)
        assert retained(app) == [(80, 30_000)]

        await pilot.press("u")
        await until(lambda now: now.revision > before + 1)
        assert retained(app) == []
    left = [
        child.name()
        for child in psutil.Process(os.getpid()).children(recursive=True)
        if "triton" in child.name()
    ]
    assert not left


def retained(app: Console) -> list[tuple[int, int | None]]:
    """Priority and duration of each range of the only node's live plan."""
    (call,) = app.snapshot.calls
    plan = app.snapshot.plan
    node = plan.nodes.get(call.id, NodePlan()) if plan else NodePlan()
    return [(item.priority, item.duration_ms) for item in node.retention]


def told(app: Console) -> str:
    return " ".join(note.message for note in app._notifications)
