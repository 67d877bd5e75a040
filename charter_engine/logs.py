"""Log lines: for people or as JSON, on standard error or in a file that is turned over."""

import json
import logging
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

from charter_engine.paths import open_private
from charter_engine.scrub import ScrubbedFormatter

LogFormat = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FILE_BYTES = 8 * 1024 * 1024
"""Assumed: an editor still opens it at once."""
FILES_KEPT = 4
"""With the one in use 40 MiB at most."""


def set_up_logs(
    level: str, form: LogFormat = "text", path: Path | None = None, *, keeps_text: bool = True
) -> None:
    """From now on log records of `level` and above go to standard error, or to the file at `path`,
    turned over at 8 MiB with four earlier ones kept.

    Known secrets are masked. `keeps_text` False: of errors stands only what kind they are, since
    their words and the source lines of a traceback may quote prompts.

    Raises `OSError` for a file that cannot be written.
    """
    handler = logging.StreamHandler() if path is None else _Turning(path)
    formatter = JsonLines() if form == "json" else logging.Formatter(TEXT)
    handler.setFormatter(ScrubbedFormatter(formatter))
    if not keeps_text:
        handler.addFilter(_name_error_alone)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, and `error`
    with its traceback where there is one.

    What a caller gives in `extra` stands beside them under its own name.
    """

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{moment}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _USUAL},
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _name_error_alone(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None:
        record.msg, record.args = f"{record.getMessage()} ({kind.__name__})", None
        record.exc_info = None
    return True


_USUAL = frozenset((*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"))


class _Turning(RotatingFileHandler):
    """Keeps every file it makes private."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(open_private(Path(self.baseFilename), append=True), self.encoding)
