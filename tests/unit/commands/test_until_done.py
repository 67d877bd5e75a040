"""Whoever ends a command by a signal is heeded once, and what is half done is taken back."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from charter_engine.commands.deployment import ENDING, until_done


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["shell", "background"])
def started(request: pytest.FixtureRequest) -> Iterator[None]:
    """As a shell starts a command: by itself, and as a background job, deaf to Ctrl-C."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_interrupts_the_work_which_takes_back_what_it_did(
    started: None, number: signal.Signals
) -> None:
    taken_back: list[bool] = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            taken_back.append(True)

    with pytest.raises(KeyboardInterrupt):
        until_done(work())
    assert taken_back == [True]


def test_a_second_signal_breaks_nothing_off(started: None) -> None:
    async def work() -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
            return "so far"
        return "all"

    assert until_done(work()) == "so far"


def test_work_that_ends_by_itself_leaves_the_signals_as_they_were(started: None) -> None:
    before = [signal.getsignal(number) for number in ENDING]

    async def work() -> int:
        return 7

    assert until_done(work()) == 7
    assert [signal.getsignal(number) for number in ENDING] == before
