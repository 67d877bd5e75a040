"""How fast workload files are read, and what memory that takes.

Made-up files of every format (`workload_files`), among them a million lines without content and
60,000 requests of 16-token blocks, and the Mooncake conversation trace if it lies beside the
repository. Each is read by a process of its own: CPU seconds, and the
largest memory beside that of the columns the workload ends in. Bars: at least 100 MB/s, memory
within twice the columns' beyond what the process needs anyway, and at most 0.3 s from the kept
form.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from charter_engine.api.tokenizers import assumed_tokens
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.lines import ReadOptions, read_workload
from charter_engine.store.workload_cache import find, keep
from tests.benchmarks.workload_files import FILES

TRACE = Path(__file__).parents[3] / "shared/traces/mooncake_conversation_trace.jsonl"
COLUMNS = (
    "arrival_ms", "input_length", "output_length", "unit_tokens", "run_offset", "run_first",
    "run_count", "node", "session",
)  # fmt: skip


def main() -> None:
    """Print one line a file."""
    with tempfile.TemporaryDirectory() as folder:
        made = []
        for name, lines in FILES.items():
            path = Path(folder) / name
            with path.open("w") as file:
                file.writelines(lines(Random(1)))
            made.append(path)
        for path in (*made, *([TRACE] if TRACE.exists() else [])):
            subprocess.run([sys.executable, __file__, str(path)], check=True)


def measure(path: Path) -> None:
    """Read one file, and its kept form."""
    before = memory_mb()
    start = time.process_time()
    workload = read_workload(path, options=ReadOptions(tokenize=assumed_tokens))
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
        keep(Path(folder), "kept", workload)
        start = time.process_time()
        assert find(Path(folder), "kept") is not None
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
