"""What a second Dask worker brings to `predict --dask` and `plan --dask`, and what it costs when
one of two is killed midway.

A scheduler and workers of one thread each, as processes of their own, do timed predictions of the
first requests of the Mooncake conversation trace if that lies beside the repository, else of
synthetic conversations. These take the processor alone, so that the speed-up is bounded by the
machine's idle cores: the load from other work is printed beside it, and what the speed-up is in
processor time, as idle cores would have it: that of one worker against that of the busier of two.
All answers must be the same.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import psutil

from charter_engine.kvcache.workload.lines import write_lines
from tests.benchmarks.bench_predict import conversation_trace

TIMED_REQUESTS, PLANNED_REQUESTS = 400, 2_500
SETTINGS = 10
MIDWAY_S = 1.0
"""Processor time of a worker after which it is killed."""
PATIENCE_S = 60


def main() -> None:
    """Print seconds, speed-up and what a worker's end costs, of both commands."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocks = ",".join(str(2_000 + 250 * step) for step in range(SETTINGS))
        timed = ["--timed", "--no-bracket", "--set", f"gpu_blocks={blocks}"]
        measure("predict", [first_requests(TIMED_REQUESTS, folder), *timed], folder)
        measure("plan", ["--workload", first_requests(PLANNED_REQUESTS, folder)], folder)
    print(f"load {load:.1f} from other work when it began, {os.cpu_count()} cores (measured)")


def first_requests(count: int, folder: Path) -> str:
    """A file of the first requests of the trace."""
    path = folder / f"{count}.jsonl"
    with path.open("wb") as file:
        write_lines(conversation_trace().select(np.arange(count)).requests(), file)
    return str(path)


def measure(command: str, words: Sequence[str], folder: Path) -> None:
    """One command on one worker, on two, and on two of which one is killed."""
    with scheduler(folder) as address, ExitStack() as workers:
        run = [sys.executable, "-m", "charter_engine.cli", command, *words, "--json"]
        run += ["--dask", address]
        first = workers.enter_context(worker(address))
        alone = Watched(first)
        one_s, expected = taken_by(run)
        one_cpu_s = alone.busiest_s()
        victim = workers.enter_context(worker(address))
        both = Watched(first, victim)
        two_s, found = taken_by(run)
        two_cpu_s = both.busiest_s()
        killed_s, remaining = taken_by(run, victim)
    same = "the same answers" if expected == found == remaining else "OTHER ANSWERS"
    print(
        f"{command}: 1 worker {one_s:.1f} s, 2 workers {two_s:.1f} s, "
        f"{one_s / two_s:.2f} times as fast, in processor time {one_cpu_s / two_cpu_s:.2f} "
        f"({one_cpu_s:.1f} s, {two_cpu_s:.1f} s of the busier); one of two killed midway "
        f"{killed_s:.1f} s; {same} (measured)"
    )


class Watched:
    """The processor time that some workers take from here on."""

    def __init__(self, *workers: psutil.Process) -> None:
        self._begun = [(one, one.cpu_times().user) for one in workers]

    def busiest_s(self) -> float:
        """That of the one which took most of it."""
        return max(one.cpu_times().user - before for one, before in self._begun)


def taken_by(command: Sequence[str], victim: psutil.Process | None = None) -> tuple[float, object]:
    """Wall seconds of a command, and what it printed; `victim` is killed midway."""
    start = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        if victim is not None:
            end_midway(victim, running)
        printed, _ = running.communicate()
    if running.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {running.returncode}")
    return time.monotonic() - start, json.loads(printed)


def end_midway(victim: psutil.Process, running: "subprocess.Popen[bytes]") -> None:
    """Kill a worker once it has worked for some time on what runs."""
    begun = victim.cpu_times().user
    while victim.cpu_times().user < begun + MIDWAY_S:
        if running.poll() is not None:
            raise SystemExit(f"done before a worker took {MIDWAY_S} s of the processor")
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)


@contextmanager
def scheduler(folder: Path) -> Iterator[str]:
    """A scheduler; gives its address."""
    told = folder / f"scheduler-{time.monotonic_ns()}.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(told)]
    with process("distributed.cli.dask_scheduler", words):
        wait_until(told.exists)
        yield str(json.loads(told.read_text())["address"])


@contextmanager
def worker(address: str) -> Iterator[psutil.Process]:
    """A worker of one thread that has joined its scheduler."""
    from distributed import Client

    words = [address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    with Client(address) as client:
        before = len(client.nthreads())
        with process("distributed.cli.dask_worker", words) as started:
            wait_until(lambda: len(client.nthreads()) > before)
            client.close()
            yield started


@contextmanager
def process(module: str, words: Sequence[str]) -> Iterator[psutil.Process]:
    """A process of this Python; it ends here at the latest."""
    command = [sys.executable, "-m", module, *words]
    running = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def wait_until(condition: Callable[[], bool]) -> None:
    """Until something is so. Raises TimeoutError."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


if __name__ == "__main__":
    main()
