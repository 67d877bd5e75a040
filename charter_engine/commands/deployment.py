"""Options of the commands that speak to a deployment, and what they narrate."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from charter_engine.commands.triton_options import add_triton_options
from charter_engine.contracts.connection import DEFAULT_NAME

if TYPE_CHECKING:
    from charter_engine.api.progress import Progress


T = TypeVar("T")
ENDING = (signal.SIGTERM, signal.SIGHUP)
"""Sent by whoever wants a command to end: kill, systemd, a terminal that closes."""


def add_deployment_arguments(
    parser: argparse.ArgumentParser, *, tokenizer: bool = True, several: bool = False
) -> None:
    """Which Triton to speak to: one by address, or the embedded one that is up. `tokenizer` False:
    the command has such an option of its own. `several`: more than one may be named."""
    add_triton_options(
        parser, default="the embedded Triton that is up", tokenizer=tokenizer, several=several
    )
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="name of the embedded Triton (default: %(default)s)"
    )


def narrate(progress: "Progress") -> None:
    """A step that was done, on standard error."""
    print(f"  {progress.stage}", file=sys.stderr)


def until_done(work: "Coroutine[Any, Any, T]") -> T:
    """The result of the work. SIGTERM and SIGHUP interrupt it as Ctrl-C does, so that what is half
    done is taken back; those that this process was started to ignore stay ignored. A shell's
    background jobs are deaf to Ctrl-C, and yet end at SIGTERM.

    Raises `KeyboardInterrupt` where the work did not end by itself when it was interrupted.
    """
    before = {number: signal.getsignal(number) for number in ENDING}
    heeded = [number for number in ENDING if before[number] is signal.SIG_DFL]
    try:
        return asyncio.run(_interruptible(work, heeded))
    finally:
        for number in heeded:
            signal.signal(number, before[number])


async def _interruptible(work: "Coroutine[Any, Any, T]", heeded: list[signal.Signals]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    interrupted = False

    def interrupt(*_: object) -> None:
        """Once: a second interrupt would break off what the first began to take back."""
        nonlocal interrupted
        interrupted = True
        for number in heeded:
            signal.signal(number, signal.SIG_IGN)
        loop.call_soon_threadsafe(task.cancel)

    for number in heeded:
        signal.signal(number, interrupt)
    try:
        return await work
    except asyncio.CancelledError:
        if interrupted:
            raise KeyboardInterrupt from None
        raise
