"""A console whose terminal goes away."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from tests.tui.terminal import configure

PROGRAM = """
import sys
from charter_tui.cli import main
sys.exit(main([]))
"""


def test_it_ends_though_nobody_passes_the_hang_up_on(tmp_path: Path) -> None:
    master, terminal = pty.openpty()
    environment = {
        **os.environ,
        "TERM": "xterm-256color",
        "XDG_RUNTIME_DIR": str(tmp_path),
        "HOME": str(tmp_path),
    }
    environment["CHARTER_STATE"] = str(tmp_path)
    environment["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    configure(tmp_path / "config")
    console = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        shown = b""
        while b"Charter" not in shown:
            shown += os.read(master, 4096)
        os.close(master)
        assert console.wait(60) != 0
    finally:
        console.kill()
        console.wait()
