"""An alert as it begins: by line, bell and the user's command."""

import sys
from pathlib import Path

import pytest

from charter_engine.contracts.gauges import Ticked
from charter_engine.contracts.series import Tick
from charter_tui.console import Console
from tests.tui.conftest import Open, Stage
from tests.tui.scene import START

CONFIGURED = """
[alerts]
when = ["waiting > 3 for 1s"]
command = '{command}'
"""


def configure(home: Path, command: str) -> None:
    file = home / "config" / "charter" / "console.toml"
    file.parent.mkdir(parents=True)
    file.write_text(CONFIGURED.format(command=command))


async def queue(stage: Stage, second: int, waiting: int) -> None:
    """Tell of a second in which so many requests waited, and wait until it is on screen."""
    tick = Tick(at=START + 10_000 + second, waiting=waiting)
    stage.engine.hub.publish(Ticked(tick))
    await stage.until(lambda: stage.app.snapshot.ticks[-1:] == (tick,))


async def test_an_alert_is_told_once_by_line_bell_and_command(
    console: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[None] = []
    monkeypatch.setattr(Console, "bell", lambda _: rung.append(None))
    told = tmp_path / "told"
    script = tmp_path / "tell.py"
    script.write_text("import sys\nopen(sys.argv[1], 'a').write(sys.argv[2] + '\\n')\n")
    configure(tmp_path, f"{sys.executable} {script} {told}")
    async with console() as stage:
        for second in range(3):
            await queue(stage, second, waiting=9)
        await stage.until(told.exists)
        assert "waiting > 3 for 1s" in stage.told()
        assert stage.shows("▲ waiting: 9")
        await queue(stage, 3, waiting=0)
        await stage.until(lambda: not stage.shows("▲"))
        assert len(rung) == 1
        assert told.read_text() == "waiting > 3 for 1s\n"


async def test_a_command_that_is_not_there_is_told(console: Open, tmp_path: Path) -> None:
    configure(tmp_path, "/nowhere/notify")
    async with console() as stage:
        await queue(stage, 0, waiting=9)
        await queue(stage, 1, waiting=9)
        await stage.until(lambda: "/nowhere/notify: " in stage.told())
