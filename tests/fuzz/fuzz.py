"""Reads thousands of spoilt inputs of every kind: `python -m tests.fuzz.fuzz [INPUTS] [KIND…]`.

None may end in an error that its reader does not declare, take more than 5 s, or bring the process
over 512 MB. The inputs are the same at every run. Ends with 1 where there are findings, which it
leaves in the directory for temporary files.
"""

import hashlib
import multiprocessing
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.kinds import KINDS

INPUTS = 4_000
SECONDS = 5.0
MEGABYTES = 512
SEED = 20_261_101
BATCH = 500


class TooLong(BaseException):
    """An input was not read in time."""


@dataclass
class Outcome:
    """What became of a batch of inputs of one kind. `findings` are what no input may do."""

    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    megabytes: int = 0
    findings: list[str] = field(default_factory=list)


def attempt(name: str, first: int, count: int, megabytes: int | None = MEGABYTES) -> Outcome:
    """Read the inputs of a kind from the `first` on. `megabytes` is what this process may take;
    None where it has done other things before."""
    signal.signal(signal.SIGALRM, _too_long)
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as directory:
        for number in range(first, first + count):
            _attempt_one(name, number, Path(directory), outcome)
            if megabytes is not None and outcome.megabytes > megabytes:
                outcome.findings.append(f"{name} {number}: {outcome.megabytes} MB")
                break
    return outcome


def _attempt_one(name: str, number: int, directory: Path, outcome: Outcome) -> None:
    kind = KINDS[name]
    chance = random.Random(f"{SEED} {name} {number}")
    content = kind.mutate(chance, chance.choice(kind.seeds))
    path = directory / f"{number}.{name.split(maxsplit=1)[0]}"
    path.write_bytes(content)
    started = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path)
        outcome.read += 1
    except kind.refused:
        outcome.refused += 1
    except (Exception, TooLong) as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kept = _keep(name, content)
        outcome.findings.append(
            f"{name} {number}: {type(error).__name__}: {str(error)[:100]} "
            f"({Path(where.filename).name}:{where.lineno}) {kept}"
        )
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    for left in directory.iterdir():
        left.unlink()
    outcome.slowest = max(outcome.slowest, time.monotonic() - started)
    outcome.megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def _keep(name: str, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()[:8]
    path = Path(tempfile.gettempdir()) / f"fuzz-{name.replace(' ', '-')}-{digest}"
    path.write_bytes(content)
    return path


def _too_long(*_: object) -> None:
    raise TooLong(f"over {SECONDS:.0f} s")


def fuzz(name: str, inputs: int) -> Outcome:
    """All inputs of a kind, in batches, each in a process of its own."""
    total = Outcome()
    context = multiprocessing.get_context("spawn")
    with context.Pool(maxtasksperchild=1) as pool:
        batches = [(name, at, min(BATCH, inputs - at)) for at in range(0, inputs, BATCH)]
        for part in pool.starmap(attempt, batches, chunksize=1):
            total.read += part.read
            total.refused += part.refused
            total.slowest = max(total.slowest, part.slowest)
            total.megabytes = max(total.megabytes, part.megabytes)
            total.findings += part.findings
    return total


def main(arguments: list[str]) -> int:
    inputs = int(arguments[0]) if arguments else INPUTS
    found = 0
    print(f"{'kind':16} {'inputs':>7} {'read':>6} {'refused':>8} {'slowest':>9} {'peak':>7}")
    for name in arguments[1:] or KINDS:
        outcome = fuzz(name, inputs)
        print(
            f"{name:16} {inputs:7} {outcome.read:6} {outcome.refused:8} "
            f"{outcome.slowest:7.2f} s {outcome.megabytes:4} MB",
            flush=True,
        )
        for finding in outcome.findings:
            print(f"  {finding}")
        found += len(outcome.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
