"""Runs a benchmark and keeps what it printed, with machine, date and versions:

    python -m tests.benchmarks.kept bench_gateway --json docs/figures/gateway.json

Words behind `--` are the benchmark's own. What documents say of it is then written into the file,
under `figures` and `documents`, and a test compares the two.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from msgspec import Struct, json

FOLDER = Path(__file__).parent
PACKAGES = ("charter-kv", "nvidia-pytriton", "numpy", "numba", "tritonclient", "tokenizers")


class KeptRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a benchmark gave. `date` is the day it ran, or on which documents first told of it.

    `lines` is what it printed; without them `source` says where the figures stood. `documents` has
    for each document the texts that tell figures, with their names in braces.
    """

    benchmark: str
    date: str
    machine: str
    versions: dict[str, str]
    conditions: str = ""
    source: str = ""
    lines: tuple[str, ...] = ()
    figures: dict[str, int | float] = {}
    documents: dict[str, tuple[str, ...]] = {}


def machine() -> str:
    """Processor, cores and memory of this machine."""
    gigabytes = psutil.virtual_memory().total / 1e9
    kind = f"{platform.system()} on {platform.machine()}"
    return f"{kind}, {os.cpu_count()} cores, {gigabytes:.0f} GB of memory"


def versions() -> dict[str, str]:
    """Of Python and of the packages that figures depend on, as far as they are there."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def printed(command: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """A command's exit code and what it printed, which is passed on as it comes."""
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line.rstrip())
    return running.returncode, tuple(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; gives its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benchmark", help="a script of tests/benchmarks, by its name")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep what it printed here")
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    words = given[end + 1 :]
    args = parser.parse_args(given[:end])
    script = FOLDER / f"{Path(args.benchmark).stem}.py"
    load = os.getloadavg()[0]
    code, lines = printed([sys.executable, str(script), *words])
    if args.json is not None and code == 0:
        run = KeptRun(
            benchmark=f"tests/benchmarks/{script.name} {' '.join(words)}".rstrip(),
            date=datetime.now(UTC).date().isoformat(),
            machine=machine(),
            versions=versions(),
            conditions=f"load {load:.1f} from other work when it began",
            lines=lines,
        )
        args.json.write_bytes(json.format(json.encode(run), indent=2) + b"\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
