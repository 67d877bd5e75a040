"""What the HTTP server itself says of requests."""

import logging

from aiohttp.http_exceptions import HttpProcessingError

http_log = logging.getLogger(__name__)


def _in_one_line(record: logging.LogRecord) -> bool:
    """What a client sent that is no HTTP is its own fault: no traceback tells more of it, and its
    text may hold a key."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        reason = error.message.partition(":")[0]
        record.msg, record.args = "refused what is not HTTP: %s", (reason.strip(),)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


http_log.addFilter(_in_one_line)
