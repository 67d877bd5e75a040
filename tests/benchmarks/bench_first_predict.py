"""How long `charter-engine predict` takes on a machine that has no machine code yet, and once it
has.

On the Mooncake conversation trace if it lies beside the repository. A first prediction is made in
Python, while the machine code is made behind it where that pays. Bar: a first answer in less than
2 s on a quiet machine.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.lines import read_workload

TRACE = Path(__file__).parents[3] / "shared/traces/mooncake_conversation_trace.jsonl"
POOL_TOKENS = 10_000 * 512
LONGEST_COMPILE_S = 120
HOST_TIER = ("--set", "gpu_blocks=5000", "--set", "host_blocks=10000")
CASES: dict[str, tuple[str, ...]] = {
    "32 tokens per block": ("--set", "gpu_blocks=10000"),
    "with a host tier": HOST_TIER,
    "with a curve": ("--set", "gpu_blocks=10000", "--curve"),
    "of all policies": ("--set", "gpu_blocks=10000", "--policy", "all"),
    "of all policies with a host tier": (*HOST_TIER, "--policy", "all"),
}
"""What is asked besides, each on a machine without machine code."""


def main() -> None:
    """Print the figures for some block sizes, and for what is asked besides."""
    if not TRACE.exists():
        print("no traces beside the repository")
        return
    predictor = Predictor(read_workload(TRACE))
    for size in (512, 64, 8):
        settings = PoolSettings(POOL_TOKENS // size, size)
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "XDG_CACHE_HOME": folder}
            words: tuple[str, ...] = (
                "--set", f"tokens_per_block={size}", "--set", f"gpu_blocks={POOL_TOKENS // size}",
            )  # fmt: skip
            first, first_cpu = predict(words, environment)
            if predictor.profits_from_machine_code(settings):
                wait_for_code(Path(folder))
                later, later_cpu = predict(words, environment)
                told = f"later {later:.2f} s ({later_cpu:.2f} s of the processor)"
            else:
                told = "later ones no faster: machine code is not worth loading"
        print(
            f"{size} tokens per block: first answer {first:.2f} s ({first_cpu:.2f} s of the "
            f"processor), {told} (measured)"
        )
    for name, words in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "XDG_CACHE_HOME": folder}
            first, first_cpu = predict(words, environment)
        print(f"{name}: first answer {first:.2f} s ({first_cpu:.2f} s of the processor) (measured)")


def predict(words: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds of one command, and its seconds of the processor."""
    command = [sys.executable, "-m", "charter_engine.cli", "predict", str(TRACE), "--instant"]
    start, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*command, *words], env=environment, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    taken = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - start, taken


def wait_for_code(folder: Path) -> None:
    """Until the machine code is there. Raises TimeoutError."""
    end = time.monotonic() + LONGEST_COMPILE_S
    while not any(folder.rglob("*.nbi")):
        if time.monotonic() > end:
            raise TimeoutError(f"no machine code after {LONGEST_COMPILE_S} s")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
