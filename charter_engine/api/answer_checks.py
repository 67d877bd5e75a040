"""Whether answers are what a user wants of them: valid JSON, or what a command of theirs says."""

import asyncio
import json
import shlex
from asyncio.subprocess import PIPE
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from charter_engine.errors import CharterError, UsageError

JSON = "json"
SECONDS = 120.0
"""Assumed: a check that takes longer than two minutes hangs."""
_LONGEST_WORDS = 300
"""Assumed: the last characters of what a check said, where its error stands."""


class AnswerToCheck(Struct, frozen=True, kw_only=True):
    """An answer of one arm, as a check gets it: a line of JSON."""

    request: int
    arm: str
    session: str
    node: str
    answer: str


async def checked(check: str, answers: Sequence[AnswerToCheck]) -> list[bool]:
    """Whether each answer passes. Raises `CharterError` where the command fails or does not say."""
    if not answers:
        return []
    if check == JSON:
        return [_is_json(item.answer) for item in answers]
    return _verdicts(check, await _told_by(check, answers), len(answers))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


async def _told_by(check: str, answers: Sequence[AnswerToCheck]) -> bytes:
    lines = b"".join(msgspec.json.encode(item) + b"\n" for item in answers)
    try:
        process = await asyncio.create_subprocess_exec(
            *shlex.split(check), stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the check {check!r} cannot be started: {error}",
            remedy="name a program that reads answers, a line of JSON each, or json",
        ) from error
    try:
        async with asyncio.timeout(SECONDS):
            output, said = await process.communicate(lines)
    except TimeoutError:
        raise CharterError(f"the check {check!r} takes longer than {SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
    if process.returncode:
        words = said.decode(errors="replace").strip()[-_LONGEST_WORDS:]
        raise CharterError(f"the check {check!r} ended with {process.returncode}: {words}")
    return output


def _verdicts(check: str, output: bytes, count: int) -> list[bool]:
    try:
        verdicts = [msgspec.json.decode(line, type=bool) for line in output.splitlines() if line]
    except msgspec.MsgspecError:
        verdicts = []
    if len(verdicts) != count:
        raise CharterError(
            f"the check {check!r} got {count:,} answers and gave {len(verdicts):,} verdicts",
            remedy="it must write true or false on a line for each line that it reads",
        )
    return verdicts
