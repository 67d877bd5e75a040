"""A console in a real pseudo-terminal, and what its screen shows."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

WAIT_SECONDS: Final = 30.0
OPENS: Final = b"\x1b[?1049h"
CLOSES: Final = b"\x1b[?1049l"
"""Into the alternate screen, and out of it."""
PROGRAM: Final = """
import sys
from charter_tui.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Terminal:
    """A process on a terminal of its own. `shown` is everything it wrote so far."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: dict[str, str],
        size: tuple[int, int] = (80, 24),
        program: str = PROGRAM,
    ) -> None:
        self.master, terminal = pty.openpty()
        self._resize(terminal, size)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**os.environ, "TERM": "xterm-256color", **environment},
            start_new_session=True,
        )
        os.close(terminal)
        self.shown = b""

    def _resize(self, descriptor: int, size: tuple[int, int]) -> None:
        packed = struct.pack("HHHH", size[1], size[0], 0, 0)
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, packed)

    def resize(self, size: tuple[int, int]) -> None:
        self._resize(self.master, size)
        self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, seconds: float, most: int = 65536) -> bytes:
        """What comes within `seconds`, at most so many bytes; nothing where all is still."""
        if not select.select([self.master], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.master, most)
        except OSError:  # the other end is closed
            return b""
        self.shown += data
        return data

    def until(self, wanted: str, since: int = 0) -> None:
        """Read until the text of the output since a position has `wanted`."""
        deadline = time.monotonic() + WAIT_SECONDS
        while wanted not in text_of(self.shown[since:]):
            assert time.monotonic() < deadline, f"no {wanted!r}: {text_of(self.shown[since:])}"
            self.read(0.1)

    def until_opened(self, times: int) -> None:
        """Read until the alternate screen was entered so often."""
        deadline = time.monotonic() + WAIT_SECONDS
        while self.shown.count(OPENS) < times:
            assert time.monotonic() < deadline, f"opened {self.shown.count(OPENS)} times"
            self.read(0.1)

    def settle(self, seconds: float = 0.5) -> None:
        """Read until nothing came for so long."""
        while self.read(seconds):
            pass

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self.master)


def text_of(output: bytes) -> str:
    """What was written, without what moves the cursor and sets colours."""
    plain = re.sub(rb"\x1b\[[0-9;?<>=$]*[a-zA-Z]|\x1b[()][A-Z0-9]|\x1b\][^\x07]*\x07", b"", output)
    return plain.decode("utf-8", "replace")


def configure(folder: Path, outlive: str = "0s") -> None:
    """Have engines end with their consoles, or so long after, by the configuration in a folder."""
    file = folder / "charter" / "console.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'outlive = "{outlive}"\n')


@contextlib.contextmanager
def terminal(
    directory: Path,
    *arguments: str,
    size: tuple[int, int] = (80, 24),
    program: str = PROGRAM,
    outlive: str = "0s",
    **environment: str,
) -> Iterator[Terminal]:
    """A console whose state, sockets and configuration are in `directory`, and so long outlived by
    its engine."""
    configure(directory / "config", outlive)
    folders = {
        "CHARTER_STATE": str(directory / "state"),
        "CHARTER_SOCKET": str(directory / "default.sock"),
        "XDG_RUNTIME_DIR": str(directory),
        "XDG_CONFIG_HOME": str(directory / "config"),
    }
    opened = Terminal(arguments, {**folders, **environment}, size, program)
    try:
        yield opened
    finally:
        opened.close()
