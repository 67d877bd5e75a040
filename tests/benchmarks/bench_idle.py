"""What an idle engine with its embedded Triton takes of a processor, process by process.

Bar: less than 1 % of one processor for the engine's own process. Its supervisor, Triton and the
models' processes stand beside it, for Triton wakes up by itself as well.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SECONDS, SETTLING_SECONDS = 60.0, 40.0
BAR = 0.01
VARIABLES = ("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")


def part_of(process: psutil.Process) -> str:
    """What a process of the engine's family is."""
    line = " ".join(process.cmdline())
    if "triton_python_backend_stub" in line:
        return "the models"
    if "bin/tritonserver" in line:
        return "Triton"
    return "the supervisor" if "embedded.supervisor" in line else "the engine"


def processor_seconds(process: psutil.Process) -> float:
    """By the scheduler's nanoseconds: the kernel's ticks are too coarse for an idle process."""
    threads = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def measured(engine: psutil.Process, seconds: float) -> dict[str, float]:
    """The share of a processor that each part took in so many seconds."""
    family = [engine, *engine.children(recursive=True)]
    before = [processor_seconds(process) for process in family]
    started = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    shares: dict[str, float] = {}
    for process, earlier in zip(family, before, strict=True):
        part = part_of(process)
        share = (processor_seconds(process) - earlier) / passed
        shares[part] = shares.get(part, 0.0) + share
    return shares


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        places = {name: f"{folder}/{name}" for name in VARIABLES}
        for place in places.values():
            Path(place).mkdir(mode=0o700)
        command = [str(Path(sys.executable).with_name("charter-engine")), "serve"]
        with subprocess.Popen(
            command,
            env=os.environ | places,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as process:
            time.sleep(SETTLING_SECONDS)
            shares = measured(psutil.Process(process.pid), seconds)
            process.terminate()
    for part, share in shares.items():
        print(f"{part}: {share:.2%} of a processor")
    print(f"together: {sum(shares.values()):.2%} (bar for the engine: {BAR:.0%})")
    return 0 if shares["the engine"] < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
