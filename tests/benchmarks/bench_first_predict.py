"""How long `charter-engine predict` takes on a machine that has no machine code yet, and once it
has.

On the Mooncake conversation trace if it lies beside the repository. A first prediction is made in
Python while the machine code is made behind it. Bar: a first answer in less than 2 s on a quiet
machine.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRACE = Path(__file__).parents[3] / "shared/traces/mooncake_conversation_trace.jsonl"
POOL_TOKENS = 10_000 * 512
LONGEST_COMPILE_S = 120


def main() -> None:
    """Print the figures for some block sizes."""
    if not TRACE.exists():
        print("no traces beside the repository")
        return
    for size in (512, 64, 8):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "XDG_CACHE_HOME": folder}
            first = predict(size, environment)
            wait_for_code(Path(folder))
            later = predict(size, environment)
        print(
            f"{size} tokens per block: first answer {first:.2f} s, later {later:.2f} s (measured)"
        )


def predict(size: int, environment: dict[str, str]) -> float:
    """Wall seconds of one command."""
    settings = ["--set", f"tokens_per_block={size}", "--set", f"gpu_blocks={POOL_TOKENS // size}"]
    command = [sys.executable, "-m", "charter_engine.cli", "predict", str(TRACE), "--instant"]
    start = time.monotonic()
    subprocess.run([*command, *settings], env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def wait_for_code(folder: Path) -> None:
    """Until the machine code is there."""
    end = time.monotonic() + LONGEST_COMPILE_S
    while not any(folder.rglob("*.nbi")) and time.monotonic() < end:
        time.sleep(0.5)


if __name__ == "__main__":
    main()
