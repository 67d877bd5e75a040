"""What is written when the console itself fails: where it failed, and nothing of any prompt."""

import os
import platform
import re
import time
import traceback
from pathlib import Path
from typing import Final

from charter_engine import __version__

LONGEST_MESSAGE: Final = 200
"""Assumed: as much of an error's message as fits two lines of a terminal, without what it
quotes."""
_QUOTED: Final = re.compile(r"""("[^"]*"|'[^']*')""")


def write_report(error: BaseException, directory: Path) -> Path:
    """Write what is needed to find the mistake, for this user alone. Raises `OSError`."""
    name = time.strftime("console-%Y%m%d-%H%M%S") + f"-{os.getpid()}.txt"
    path = directory / name
    path.touch(mode=0o600, exist_ok=False)
    try:
        path.write_text(report(error), encoding="utf-8")
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def report(error: BaseException) -> str:
    """Versions and the places in the code, with each error's words scrubbed."""
    from importlib.metadata import version

    lines = [
        f"charter {__version__}, Textual {version('textual')}, Python {platform.python_version()}",
        f"TERM={os.environ.get('TERM', '')}, {platform.system()}",
    ]
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for item in reversed(chain):
        frames = traceback.extract_tb(item.__traceback__)
        lines += ["", *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
        lines.append(f"{type(item).__name__}: {scrubbed(str(item))}")
    return "\n".join(lines) + "\n"


def scrubbed(text: str) -> str:
    """`text` without what it quotes, which may be a prompt, and without its later lines."""
    first = text.splitlines()[0] if text else ""
    return _QUOTED.sub("'…'", first)[:LONGEST_MESSAGE]
