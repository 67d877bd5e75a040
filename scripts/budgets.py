"""What it takes to start the programs: modules, memory and processor time, printed on each change.

Each figure stands beside one of the same run on the same machine: a bare Python, or Textual alone.
Only its ratio to that is held to a bar, so that a slow or busy machine fails nothing. A bar that is
missed is a gross regression, such as a module that is imported where nothing of it is needed.
"""

import contextlib
import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

RUNS: Final = 3
WAIT_SECONDS: Final = 30.0
NOWHERE: Final = "127.0.0.1:9"
"""A Triton that does not answer, so that the engine starts none of its own."""
HEAVY: Final = frozenset(
    "aiohttp aiosqlite asyncio libcst msgspec networkx numpy platformdirs psutil rich textual "
    "tritonclient zstandard".split()
)
"""What a program that only prints its help has no use for."""
LEAVES: Final = """
import atexit, pathlib, sys
def leave():
    status = pathlib.Path("/proc/self/status").read_text()
    peak = status.partition("VmHWM:")[2].split()[0]
    pathlib.Path({path!r}).write_text(" ".join((peak, *sys.modules)))
atexit.register(leave)
"""
"""Leaves behind how many KiB were resident at most, and the names of all loaded modules."""
BARE: Final = "pass"
TEXTUAL: Final = "import textual.app, textual.containers, textual.widgets"
ENGINE: Final = "from charter_engine.cli import main; sys.exit(main({}))"
CONSOLE: Final = "from charter_tui.cli import main; sys.exit(main({}))"
ENGINE_HELP: Final = ENGINE.format(["--help"])
CONSOLE_HELP: Final = CONSOLE.format(["--help"])


@dataclass(frozen=True)
class Taken:
    """What a start took: processor seconds, resident MiB, and the modules that were loaded."""

    seconds: float
    mib: float
    modules: frozenset[str]


@dataclass(frozen=True)
class Bars:
    """How many times its yardstick's a start's processor time, memory and modules may be."""

    seconds: float
    mib: float
    modules: float


HELP: Final = Bars(seconds=4, mib=2, modules=2.5)
LISTENS: Final = Bars(seconds=15, mib=7, modules=20)
SCREEN: Final = Bars(seconds=3, mib=2, modules=2.2)
"""About a third above what was measured: times 2.4, 1.4, 1.8; 8.7, 4.3, 15.2; and 1.9, 1.4, 1.7."""


@dataclass(frozen=True)
class Budget:
    """A figure beside its yardstick, and how many times that it may be. `unit` names both."""

    what: str
    value: float
    yardstick: float
    most: float
    unit: str

    @property
    def ratio(self) -> float:
        """How many times the yardstick it is."""
        return self.value / self.yardstick

    @property
    def is_kept(self) -> bool:
        return self.ratio <= self.most

    def __str__(self) -> str:
        shown = f"{self.value:7.2f}" if self.unit == "s" else f"{self.value:7.0f}"
        measure = f"{self.yardstick:.2f}" if self.unit == "s" else f"{self.yardstick:.0f}"
        sign = " " if self.is_kept else "✗"
        return (
            f"{sign} {self.what:<46}{shown} {self.unit:<8}{self.ratio:5.1f} times {measure} "
            f"(bar {self.most:g})"
        )


def ended(code: str, folder: Path) -> Taken:
    """What Python took for some code from its start to its end."""
    names = folder / "modules"
    program = [sys.executable, "-c", LEAVES.format(path=str(names)) + code]
    with subprocess.Popen(
        program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(folder)
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return left_in(names, used.ru_utime + used.ru_stime)


def engine_up(folder: Path) -> Taken:
    """What the engine took until it listened; it is ended then."""
    with engine(folder) as process:
        taken = so_far(process.pid)
    return replace(taken, modules=left_in(folder / "engine").modules)


def first_screen(folder: Path) -> Taken:
    """What the console took until its first screen was whole; it is left then."""
    with engine(folder), console(folder) as (pid, master):
        until(master, b"unreachable")
        taken = so_far(pid)
        os.write(master, b"q")
        until_closed(master)
    return replace(taken, modules=left_in(folder / "console").modules)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An engine that listens in the folder, without an agent and without a Triton."""
    arguments = ["serve", "--socket", str(folder / "s"), "--triton", NOWHERE]
    program = LEAVES.format(path=str(folder / "engine")) + ENGINE.format(arguments)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(folder),
    )
    try:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (folder / "s").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the engine did not come up")
            time.sleep(0.01)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def console(folder: Path) -> Iterator[tuple[int, int]]:
    """A console at that engine on a terminal of its own: its process and the terminal's master."""
    program = LEAVES.format(path=str(folder / "console"))
    program += CONSOLE.format(["--attach", str(folder / "s")])
    pid, master = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-c", program], environment(folder))
    try:
        yield pid, master
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def environment(folder: Path) -> dict[str, str]:
    """Everything of Charter's in that folder."""
    names = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    own = dict.fromkeys((*names, "CHARTER_STATE", "CHARTER_CACHE"), str(folder))
    kept = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
    return {**kept, **own, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}


def until(master: int, words: bytes) -> None:
    """Read a terminal until the words came."""
    seen, deadline = b"", time.monotonic() + WAIT_SECONDS
    while words not in seen:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the console did not show {words.decode()!r}")
        if select.select([master], [], [], 0.05)[0]:
            seen += os.read(master, 65536)


def until_closed(master: int) -> None:
    """Read a terminal until its program left it."""
    deadline = time.monotonic() + WAIT_SECONDS
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline and os.read(master, 65536):
            pass


def so_far(pid: int) -> Taken:
    """What a process took up to the present."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Taken(seconds, pages * os.sysconf("SC_PAGE_SIZE") / 2**20, frozenset())


def left_in(file: Path, seconds: float = 0.0) -> Taken:
    """What a process that took so many seconds left behind when it ended."""
    peak, *modules = file.read_text().split()
    return Taken(seconds, int(peak) / 1024, frozenset(modules))


def typical(take: Callable[[Path], Taken]) -> Taken:
    """The median of some starts."""
    made = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(prefix="charter-budgets-") as folder:
            made.append(take(Path(folder)))
    return Taken(
        statistics.median(one.seconds for one in made),
        statistics.median(one.mib for one in made),
        made[-1].modules,
    )


def beside(what: str, taken: Taken, yardstick: Taken, bars: Bars) -> list[Budget]:
    """A start beside that of a yardstick."""
    return [
        Budget(what, taken.seconds, yardstick.seconds, bars.seconds, "s"),
        Budget("", taken.mib, yardstick.mib, bars.mib, "MiB"),
        Budget("", len(taken.modules), len(yardstick.modules), bars.modules, "modules"),
    ]


def main() -> int:
    """Print every figure with its bar; 1 where one is missed."""
    bare = typical(lambda folder: ended(BARE, folder))
    textual = typical(lambda folder: ended(TEXTUAL, folder))
    helped = {
        "charter-engine --help": typical(lambda folder: ended(ENGINE_HELP, folder)),
        "charter-tui --help": typical(lambda folder: ended(CONSOLE_HELP, folder)),
    }
    found = [
        *(one for what, taken in helped.items() for one in beside(what, taken, bare, HELP)),
        *beside("the engine, until it listens", typical(engine_up), bare, LISTENS),
        *beside("the console, until its first screen", typical(first_screen), textual, SCREEN),
    ]
    print("a start takes, as the median of", RUNS, "runs:")
    for budget in found:
        print(budget)
    needless = {what: sorted(taken.modules & HEAVY) for what, taken in helped.items()}
    for what, names in needless.items():
        if names:
            print(f"✗ {what} loads {', '.join(names)}")
    return int(any(needless.values()) or not all(budget.is_kept for budget in found))


if __name__ == "__main__":
    sys.exit(main())
