"""The console in a pseudo-terminal of 120 by 40.

Start, key to paint under 1,000 events/s, CPU with 200 live nodes.

The engine is a real socket server in a process of its own. Bars: first meaningful screen < 0.7 s;
key to first byte p50 < 8 ms and p95 < 25 ms; 200 nodes changing at 1 Hz < 3 % of a core and
< 10 kB/s; frozen 0 bytes; console < 60 MiB; no block of the loop over 50 ms: a second of 2,000
changing nodes is made into rows within that. As a yardstick the script also times
`import textual.app`.
"""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from charter_engine.contracts.gauges import Host, Nodes, Run, Session, Ticked, Triton
from charter_engine.contracts.graph import Call, CompiledFile, Dependency
from charter_engine.contracts.live import HostSample, KvPool, NodeStats, RunProgress, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server
from charter_tui.present.graph_columns import columns_for
from charter_tui.present.graph_order import AS_IT_RUNS, GraphOrder
from charter_tui.present.graph_table import GraphRows
from charter_tui.state import Snapshot

NODES: Final = 200
MANY_NODES: Final = 2_000
EVENTS_PER_SECOND: Final = 1000
IN_VIEW: Final = 60
"""Rows that a tall terminal shows: the others are made when they come into view."""
KEYS: Final = 60
LIVE_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 5.0
STARTS: Final = 5
FIRST_SCREEN: Final = re.compile(rb"call_000")
CLOCK_TICKS: Final = os.sysconf("SC_CLK_TCK")


def calls(nodes: int = NODES) -> tuple[Call, ...]:
    """Chains of four calls."""
    ids = [f"Agent.run:call_{number:03}" for number in range(nodes)]
    return tuple(
        Call(
            id=node,
            path="agent.py",
            line=number + 1,
            end_line=number + 1,
            depends_on=(Dependency(ids[number - 1]),) if number % 4 else (),
        )
        for number, node in enumerate(ids)
    )


def stats(graph: tuple[Call, ...], tick: int) -> Nodes:
    return Nodes(
        tuple(
            NodeStats(
                node=call.id,
                state="running",
                requests=tick + number,
                prompt_tokens=1000 * tick + 700 + number,
                reused_tokens=437 * tick + number,
                reused_blocks=13 * tick + number,
                total_blocks=31 * tick + 40 + number,
                ttft_ms_last=20.0 + tick % 7 + number % 13,
                ttft_ms_mean=20.0 + tick % 5 + number % 11,
                ttft_ms_p95=40.0 + tick % 3 + number % 17,
            )
            for number, call in enumerate(graph)
        )
    )


def measured(tick: int, at: float) -> Tick:
    """A second as the strips draw it."""
    return Tick(
        at=at,
        requests=NODES,
        prompt_tokens=1000 * NODES,
        computed_tokens=(563 + 37 * (tick % 11)) * NODES,
        ttft_ms=20.0 + 3 * (tick % 13),
        pool_used=0.5 + tick % 17 / 40,
    )


def publish(hub: Hub, graph: tuple[Call, ...], tick: int) -> None:
    """What an engine tells in a second of a run."""
    hub.publish(stats(graph, tick))
    hub.publish(
        Host(
            HostSample(
                cpu_utilization=0.3,
                memory_total_bytes=1 << 34,
                memory_used_bytes=tick << 20,
                engine_rss_bytes=1 << 26,
            )
        )
    )
    pool = KvPool(max_blocks=4096, free_blocks=4096 - tick, used_blocks=tick, tokens_per_block=32)
    hub.publish(
        Triton(
            TritonSample(health="ready", kv_pool=pool, active_requests=tick % 9, waiting_requests=0)
        )
    )
    hub.publish(Ticked(measured(tick, hub.now())))
    hub.publish(
        Run(
            RunProgress(
                run="r",
                state="running",
                items_done=tick,
                items_total=1000,
                elapsed_ms=tick * 1e3,
            )
        )
    )


async def serve(path: Path, mode: str, nodes: int) -> None:
    """The engine's side: `idle`, `events` or `live`, until it is stopped."""
    hub = Hub()

    async def nothing(_: object) -> None:
        return None

    server = Server(path, hub, nothing)
    graph = calls(nodes)
    hub.publish(
        Session(
            engine_version="0",
            phase="ready",
            agent="agent.py",
            compiled=CompiledFile(path="agent.py", calls=graph),
        )
    )
    hub.publish(stats(graph, 1))
    await server.start()
    tick = 1
    while True:
        if mode == "events":
            for _ in range(EVENTS_PER_SECOND // 50):
                hub.event("request", f"request {hub.sequence} finished")
            await asyncio.sleep(0.02)
            continue
        await asyncio.sleep(1.0)
        if mode == "live":
            tick += 1
            publish(hub, graph, tick)


@contextlib.contextmanager
def serving(command: Callable[[Path], Sequence[str]]) -> Iterator[Path]:
    """A process that serves as an engine, as long as it is needed; `command` is given the path of
    its socket."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "s"
        process = subprocess.Popen(command(path))
        try:
            while not path.exists():
                time.sleep(0.01)
            yield path
        finally:
            process.terminate()
            process.wait()


def engine(mode: str, nodes: int = NODES) -> AbstractContextManager[Path]:
    return serving(lambda path: [sys.executable, __file__, "serve", str(path), mode, str(nodes)])


class Terminal:
    """A console in a pseudo-terminal."""

    def __init__(self, path: Path) -> None:
        self.started = time.perf_counter()
        self.first_byte = 0.0
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            environment = {
                **os.environ,
                "TERM": "xterm-256color",
                "COLORTERM": "truecolor",
                "XDG_CONFIG_HOME": str(path.parent),
            }
            # An installed console has its bytecode, and compiles nothing.
            for unwanted in ("SSH_CONNECTION", "PYTHONDONTWRITEBYTECODE"):
                environment.pop(unwanted, None)
            os.execve(
                sys.executable,
                [sys.executable, "-m", "charter_tui.cli", "--attach", str(path)],
                environment,
            )
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def until(self, wanted: re.Pattern[bytes], seconds: float = 10.0) -> float:
        """The moment at which `wanted` has come out; `first_byte` is when anything had."""
        seen, self.first_byte = b"", 0.0
        deadline = time.perf_counter() + seconds
        while time.perf_counter() < deadline:
            if select.select([self.master], [], [], 0.05)[0]:
                self.first_byte = self.first_byte or time.perf_counter()
                seen = (seen + os.read(self.master, 65536))[-131072:]
                if wanted.search(seen):
                    return time.perf_counter()
        raise TimeoutError(f"{wanted.pattern!r} did not come out within {seconds} s")

    def drain(self, seconds: float) -> int:
        """Read for so long; how many bytes came out."""
        total, deadline = 0, time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left)[0]:
                total += len(os.read(self.master, 65536))
        return total

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS

    def memory_mib(self) -> float:
        return (
            int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
            * os.sysconf("SC_PAGE_SIZE")
            / 2**20
        )

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        with contextlib.suppress(OSError):
            self.drain(0.2)
        os.waitpid(self.pid, 0)
        os.close(self.master)


def bench_start() -> None:
    with engine("idle") as path:
        times = []
        for _ in range(STARTS):
            terminal = Terminal(path)
            times.append(terminal.until(FIRST_SCREEN) - terminal.started)
            terminal.close()
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import textual.app"], check=True)
    bare = time.perf_counter() - started
    median = statistics.median(times)
    print(
        f"first meaningful screen          median {median:.2f} s of {STARTS} (bar 0.70; "
        f"Textual alone {bare:.2f} s)"
    )


def bench_keys() -> None:
    """From a key to the first byte, and to the row it leads to."""
    with engine("events") as path:
        terminal = Terminal(path)
        terminal.until(FIRST_SCREEN)
        terminal.drain(1.0)
        times, firsts = [], []
        for number in range(1, KEYS + 1):
            key, row = (b"j", 1) if number % 2 else (b"k", 0)
            started = time.perf_counter()
            os.write(terminal.master, key)
            times.append(terminal.until(re.compile(b"call_%03d" % row)) - started)
            firsts.append(terminal.first_byte - started)
            terminal.drain(0.11 + number % 7 / 100)
        terminal.close()
    print_times("key to first byte, 1,000 events/s", firsts, "p50 8, p95 25")
    print_times("key to paint, 1,000 events/s", times, "p95 40")


def print_times(words: str, times: list[float], bar: str) -> None:
    times = sorted(times)
    median, worst = statistics.median(times) * 1e3, times[-1] * 1e3
    p95 = times[int(len(times) * 0.95) - 1] * 1e3
    print(f"{words:<34} median {median:.1f} ms, p95 {p95:.1f}, worst {worst:.1f} (bar {bar})")


def bench_rows() -> None:
    """A second in which every one of 2,000 calls changed, made into rows; and their folding."""
    graph = calls(MANY_NODES)
    session = Session(
        engine_version="0", agent="agent.py", compiled=CompiledFile(path="agent.py", calls=graph)
    )
    rows, columns = GraphRows(), columns_for(120)
    for words, order in (
        ("2,000 nodes, folded", AS_IT_RUNS),
        ("2,000 nodes, all open", GraphOrder(folded=frozenset())),
    ):
        times = []
        for tick in range(1, 12):
            snapshot = Snapshot(session=session, nodes=stats(graph, tick))
            started = time.process_time()
            made = rows.rows(snapshot, columns, order)
            for row in made[:IN_VIEW]:
                assert row.cells
            times.append(time.process_time() - started)
        print_times(f"{words}: {len(made):,} rows", times[1:], "50")


def bench_load(
    mode: str, seconds: float, words: str, *, nodes: int = NODES, keys: bytes = b""
) -> None:
    with engine(mode, nodes) as path:
        terminal = Terminal(path)
        terminal.until(FIRST_SCREEN)
        terminal.drain(2.0)
        if keys:
            os.write(terminal.master, keys)
            terminal.drain(1.0)
        before, started = terminal.cpu_seconds(), time.perf_counter()
        sent = terminal.drain(seconds)
        elapsed = time.perf_counter() - started
        share = (terminal.cpu_seconds() - before) / elapsed
        rate, memory = sent / elapsed / 1000, terminal.memory_mib()
        print(f"{words:<42} {share:.1%} of a core, {rate:.1f} kB/s, {memory:.0f} MiB resident")
        terminal.close()


def main() -> None:
    bench_start()
    bench_keys()
    bench_rows()
    bench_load("live", LIVE_SECONDS, "200 nodes live at 1 Hz (bar 3 %, 10 kB/s)")
    bench_load("live", LIVE_SECONDS, "2,000 nodes live at 1 Hz", nodes=MANY_NODES)
    bench_load("live", IDLE_SECONDS, "frozen (bar 0 B/s)", keys=b" ")
    bench_load("events", IDLE_SECONDS, "1,000 events/s")
    bench_load("idle", IDLE_SECONDS, "nothing happening")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
    else:
        main()
