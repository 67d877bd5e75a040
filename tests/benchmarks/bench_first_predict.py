"""How long `charter-engine predict` takes with the machine code it was installed with, and on a
machine for which there is none yet.

On the Mooncake conversation trace if it lies beside the repository. Without machine code a first
prediction is made in Python, while it is made behind where that pays. Bar: a first answer in less
than 2 s on a quiet machine, as installed.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.simulation import warm_up
from charter_engine.kvcache.workload.lines import read_workload

TRACE = Path(__file__).parents[3] / "shared/traces/mooncake_conversation_trace.jsonl"
ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "charter_engine"
LONGEST_COMPILE_S = 300
HOST_TIER = ("--set", "gpu_blocks=5000", "--set", "host_blocks=10000")
CASES: dict[str, tuple[str, ...]] = {
    "512 tokens per block": ("--set", "tokens_per_block=512", "--set", "gpu_blocks=10000"),
    "8 tokens per block": ("--set", "tokens_per_block=8", "--set", "gpu_blocks=640000"),
    "32 tokens per block": ("--set", "gpu_blocks=10000"),
    "with a host tier": HOST_TIER,
    "with a curve": ("--set", "gpu_blocks=10000", "--curve"),
    "of all policies": ("--set", "gpu_blocks=10000", "--policy", "all"),
    "of all policies with a host tier": (*HOST_TIER, "--policy", "all"),
}
"""What is asked for."""


def main() -> None:
    """Print the figures of every case, as installed and without machine code."""
    if not TRACE.exists():
        print("no traces beside the repository")
        return
    warm_up()
    with tempfile.TemporaryDirectory() as cache:
        for name, words in CASES.items():
            wall, cpu = predict(words, ROOT, cache)
            print(f"{name}: {wall:.2f} s ({cpu:.2f} s of the processor), as installed (measured)")
    for name, words in CASES.items():
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            without_code = shutil.ignore_patterns("*.o", "__pycache__")
            shutil.copytree(PACKAGE, Path(folder) / PACKAGE.name, ignore=without_code)
            compile_all(Path(folder))
            wall, cpu = predict(words, Path(folder), cache)
            print(
                f"{name}: {wall:.2f} s ({cpu:.2f} s of the processor), where there is no machine "
                "code (measured)"
            )
            if is_made_behind(words):
                wait_for_code(Path(folder))


def is_made_behind(words: Sequence[str]) -> bool:
    """Whether a command has machine code made behind it: such a process must not be left alone."""
    values = dict(word.split("=") for word in words if "=" in word)
    settings = msgspec.convert({"tokens_per_block": 32} | values, PoolSettings, strict=False)
    return Predictor(read_workload(TRACE)).profits_from_machine_code(settings)


def compile_all(folder: Path) -> None:
    """Leave bytecode, as an install does."""
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)


def predict(words: Sequence[str], folder: Path, cache: str) -> tuple[float, float]:
    """Wall seconds of one command of the package that lies in a folder, and its seconds of the
    processor."""
    environment = {**os.environ, "CHARTER_CACHE": cache, "PYTHONPATH": str(folder)}
    # Not from the folder itself, which processes that it starts leave out of their path.
    command = [sys.executable, "-m", "charter_engine.cli", "predict", str(TRACE), "--instant"]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [*command, *words], env=environment, cwd=cache, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, taken


def wait_for_code(folder: Path) -> None:
    """Until the machine code is there. Raises TimeoutError."""
    end = time.monotonic() + LONGEST_COMPILE_S
    while not any(folder.rglob("serve-*.o")):
        if time.monotonic() > end:
            raise TimeoutError(f"no machine code after {LONGEST_COMPILE_S} s")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
