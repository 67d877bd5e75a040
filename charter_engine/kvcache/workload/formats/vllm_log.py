"""The log of a vLLM server: the requests that it says it received.

With `--enable-log-requests` a line gives a request's id, its prompt as Python would write it, and
its tokens (vllm, entrypoints/logger.py); newer servers tell the prompt in a line of its own, at
level DEBUG.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from charter_engine.kvcache.workload.formats.request_logs import LoggedMessage, LoggedRequest

_TEXT = r"""(?P<prompt>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|None)"""
_REQUEST = re.compile(
    rf"(?:Received request (?P<name>[^\s:]+): |Request (?P<detailed>\S+) details: )prompt: {_TEXT}"
)
_TOKENS = re.compile(r"prompt_token_ids: \[([\d, ]*)\]")
_ADAPTER = re.compile(r"lora_request: (LoRARequest\([^)]*\))")
_SALT = re.compile(r"cache_salt='([^']*)'")
_LENGTH = re.compile(r"\bmax_tokens=(\d+)")
_TIME = re.compile(r"(?:(\d{4})-)?(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,6}))?")
_SOME_YEAR = 2000
"""The log's own form has months and days alone."""


def is_vllm_log(head: str) -> bool:
    """Whether the beginning of a file reads as such a log."""
    return _REQUEST.search(head) is not None or "vllm" in head.lower()


def requests_of_log(lines: Iterable[str]) -> Iterator[tuple[int, LoggedRequest]]:
    """The requests that a log tells of, with the numbers of their lines, from 1."""
    for number, line in enumerate(lines, start=1):
        found = _REQUEST.search(line)
        if found is not None:
            request = _request(line, found)
            if request is not None:
                yield number, request


def _request(line: str, found: re.Match[str]) -> LoggedRequest | None:
    text = ast.literal_eval(found["prompt"])
    tokens = _TOKENS.search(line, found.end())
    ids = tuple(int(word) for word in tokens[1].split(",") if word.strip()) if tokens else ()
    if not text and not ids:
        return None
    length, adapter, salt = (
        pattern.search(line, found.end()) for pattern in (_LENGTH, _ADAPTER, _SALT)
    )
    return LoggedRequest(
        messages=(LoggedMessage("", text),) if text else (),
        answer=int(length[1]) if length else None,
        at_ms=_time(line[: found.start()]),
        name=found["name"] or found["detailed"],
        salt=salt[1] if salt else "",
        adapter=adapter[1] if adapter else "",
        token_ids=ids,
    )


def _time(text: str) -> float | None:
    found = _TIME.search(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(word or _SOME_YEAR) for word in found.groups()[:6]
    )
    micro = int((found[7] or "0").ljust(6, "0"))
    try:
        return datetime(year, month, day, hour, minute, second, micro).timestamp() * 1000
    except ValueError:
        return None
