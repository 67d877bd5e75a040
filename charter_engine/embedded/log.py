"""Triton's log: the lines that say what went wrong."""

import re
from pathlib import Path

TAIL_BYTES = 256 * 1024
"""Assumed: a failure stands within the last of it, however much Triton wrote before."""
MOST_LINES = 12
"""Assumed: what stands above a terminal's prompt and is still read."""
_ENTRY = re.compile(r"^([EWIF])\d{4} [\d:.]+ \d+ [\w.]+:\d+\] (.*)$")
_TRACEBACK = r"\n\nAt:"
"""Where the Python backend appends a traceback to a model's own words.

Its line ends are spelled out.
"""
_UNIMPORTANT = ("CUDA", "CudaDriverHelper", "DCGM", "NVML", "nvml", "pinned memory", "cudaMalloc")


def error_lines(path: Path, offset: int = 0) -> list[str]:
    """Triton's error messages in the log from `offset` on.

    Without stamps and repetition, and at most the last twelve.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(offset, end - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return select_errors(text)


def select_errors(text: str) -> list[str]:
    """The messages of E and F entries with their continuation lines.

    Where there are none, the last lines of the text.
    """
    errors: list[str] = []
    taking = False
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry:
            message = entry.group(2).strip('"').partition(_TRACEBACK)[0]
            taking = entry.group(1) in "EF" and not any(word in message for word in _UNIMPORTANT)
            if taking and message not in errors:
                errors.append(message)
        elif taking and line.strip():
            errors.append(line.rstrip())
    return (errors or [line for line in text.splitlines() if line.strip()])[-MOST_LINES:]
