"""The README's "Try this first", key by key, in tmux, on the real engine and Triton."""

import importlib.util
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.tui.shorter import shorter
from tests.tui.terminal import configure

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("pytriton") is None, reason="nvidia-pytriton is not installed"
    ),
    pytest.mark.skipif(
        shutil.which("tmux") is None, reason="tmux is not installed: apt-get install tmux"
    ),
]

ROOT: Final = Path(__file__).parents[2]
WAIT_SECONDS: Final = 120
WALK: Final = (
    ("make run", "1/1 items"),
    ("2", "TOKENS PER BLOCK|tokens_per_block"),
    ("a", r"\* draft"),
    ("p", "revision 1"),
    ("1", "graph  revision 1"),
    ("r", "1/1 items.*revision 1"),
    ("6", "B against A"),
    ("0", "Shared prefixes"),
    ("m", "predicted by the block manager"),
    ("space", "frozen"),
    ("←", "before it froze"),
    ("space", "● ready"),
    ("u", "revision 2"),
    ("9", "Revisions +● revision 2 is live"),
)
"""The keys of the walk, and what stands on screen behind each, as a pattern over one line."""
NAMED: Final = {"←": "Left", "space": "Space"}


class Pane:
    """A terminal of a tmux server of its own. What it runs ends with it."""

    def __init__(self, directory: Path, command: str) -> None:
        self._tmux = ("tmux", "-S", str(directory / "tmux"), "-f", "/dev/null")
        self._do("new-session", "-d", "-x", "120", "-y", "40", "-c", str(ROOT), command)
        self._do("set-option", "-g", "remain-on-exit", "on")

    def _do(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def press(self, key: str) -> None:
        self._do("send-keys", NAMED.get(key, key))

    def text(self) -> str:
        return self._do("capture-pane", "-p")

    def ended(self) -> bool:
        return self._do("display-message", "-p", "#{pane_dead}").strip() == "1"

    def until(self, pattern: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not re.search(pattern, self.text()):
            assert time.monotonic() < deadline, f"no {pattern!r}:\n{self.text()}"
            time.sleep(0.1)

    def close(self) -> None:
        self._do("kill-server")


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    """What `make run` starts, over the first of the agent's documents alone."""
    agent = shorter("document_processor", tmp_path, items=1)
    kept = {
        "CHARTER_STATE": tmp_path / "state",
        "CHARTER_SOCKET": tmp_path / "default.sock",
        "XDG_RUNTIME_DIR": tmp_path,
        "XDG_CONFIG_HOME": tmp_path / "config",
    }
    configure(tmp_path / "config")
    variables = " ".join(f"{name}={value}" for name, value in kept.items())
    console = Path(sys.executable).parent / "charter-tui"
    opened = Pane(tmp_path, f"env {variables} {console} {agent}")
    yield opened
    opened.close()


def keys_of_the_readme() -> list[str]:
    """What the section says to type, in its order."""
    section = (ROOT / "README.md").read_text().split("## Try this first")[1].split("\nThe same")[0]
    return re.findall(r"`([^`]+)`", section)


def test_trying_this_first_goes_as_the_readme_says(pane: Pane) -> None:
    assert keys_of_the_readme() == [key for key, _ in WALK]
    for key, shown in WALK:
        if key != "make run":
            pane.press(key)
        pane.until(shown)
    pane.press("q")
    deadline = time.monotonic() + WAIT_SECONDS
    while not pane.ended():
        assert time.monotonic() < deadline, pane.text()
        time.sleep(0.1)
