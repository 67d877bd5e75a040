"""How fast workload files are read, and what memory that takes.

A million lines without content, 60,000 requests of 16-token blocks, and the Mooncake conversation
trace if it lies beside the repository. Each is read by a process of its own: CPU seconds, and the
largest memory beside that of the columns the workload ends in. Bars: at least 100 MB/s, memory
within twice the columns' beyond what the process needs anyway, and at most 0.3 s from the kept
form.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.lines import read_workload
from charter_engine.store.workload_cache import load, save

TRACE = Path(__file__).parents[3] / "shared/traces/mooncake_conversation_trace.jsonl"
COLUMNS = (
    "arrival_ms", "input_length", "output_length", "unit_tokens", "run_offset", "run_first",
    "run_count", "node", "session",
)  # fmt: skip


def main() -> None:
    """Print one line a file."""
    with tempfile.TemporaryDirectory() as folder:
        lengths, blocks = Path(folder) / "lengths.jsonl", Path(folder) / "blocks.jsonl"
        with lengths.open("w") as file:
            file.writelines(without_content(Random(1)))
        with blocks.open("w") as file:
            file.writelines(blocks_of_16(Random(1)))
        for path in (lengths, blocks, *([TRACE] if TRACE.exists() else [])):
            subprocess.run([sys.executable, __file__, str(path)], check=True)


def without_content(rng: Random) -> Iterator[str]:
    """A million requests of which only the lengths are known."""
    for at in range(1_000_000):
        lengths = rng.randint(100, 4000), rng.randint(1, 500)
        yield (
            f'{{"timestamp": {3 * at}, "input_length": {lengths[0]}, '
            f'"output_length": {lengths[1]}}}\n'
        )


def blocks_of_16(rng: Random) -> Iterator[str]:
    """60,000 turns of conversations that share their first 12 blocks."""
    conversations: list[list[int]] = []
    fresh = 1_000_000
    for at in range(60_000):
        if not conversations or rng.random() < 0.4:
            conversations.append(list(range(12)))
        place = rng.randrange(len(conversations)) if rng.random() < 0.3 else -1
        added = rng.randint(10, 120)
        conversations[place] = [*conversations[place], *range(fresh, fresh + added)]
        fresh += added
        ids = conversations[place]
        request = {"timestamp": 50 * at, "input_length": 16 * len(ids), "output_length": 50}
        yield json.dumps({**request, "hash_ids": ids, "block_tokens": 16}) + "\n"


def measure(path: Path) -> None:
    """Read one file, and its kept form."""
    before = memory_mb()
    start = time.process_time()
    workload = read_workload(path)
    cold = time.process_time() - start
    grown, size = memory_mb() - before, path.stat().st_size / 1e6
    kept = kept_seconds(workload)
    columns = sum(getattr(workload, name).nbytes for name in COLUMNS) / 1e6
    print(
        f"{path.name}: {len(workload):,} requests, {size:.0f} MB in {cold:.2f} s, "
        f"{size / cold:.0f} MB/s; memory grew by {grown:.0f} MB for columns of {columns:.0f} MB; "
        f"kept form {kept:.2f} s (measured)"
    )


def kept_seconds(workload: Workload) -> float:
    """CPU seconds to read the binary form."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kept.npz"
        save(workload, path)
        start = time.process_time()
        load(path)
        return time.process_time() - start


def memory_mb() -> float:
    """The largest memory of this process so far. `ru_maxrss` would begin with that of the process
    it was started by."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
    else:
        main()
