"""A push under traffic is watched, and taken back where requests go worse than before it."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

from charter_engine.contracts.deploying import PushWatch
from charter_engine.triton import watch
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.request import GenerateRequest
from tests.integration.triton.conftest import Served
from tests.integration.triton.pushing import CALLS, PROMPT, ask, deployer, plan_with

ENOUGH = 40
NUMBERS = itertools.count()


@pytest.fixture
async def ready(served: Served, client: TritonClient) -> AsyncIterator[Deployer]:
    """A deployment whose requests are known."""
    found = deployer(client, served.repository)
    await found.push(plan_with(60 + next(NUMBERS) % 30), CALLS)
    for _ in range(ENOUGH):
        await ask(client)
    yield found


def unlike_any_before() -> str:
    """A prompt of the node whose tokens are in no cache."""
    words = "".join(f"{next(NUMBERS)} boxes are missing. " for _ in range(8))
    return PROMPT.replace("Nothing happened on Monday.", words)


@contextlib.asynccontextmanager
async def traffic(client: TritonClient, prompt: Callable[[], str]) -> AsyncIterator[None]:
    async def send() -> None:
        while True:
            await client.generate(GenerateRequest(text=prompt(), max_tokens=1), seconds=30)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_push_after_which_requests_compute_more_is_taken_back_with_the_figures(
    ready: Deployer, client: TritonClient
) -> None:
    before = await ready.live()
    known = await watch.before_push(ready)
    pushed = await ready.push(plan_with(99), CALLS)
    async with traffic(client, unlike_any_before):
        report = await watch.watched(ready, pushed, known, PushWatch(seconds=30, margin=0.5))
    assert report.watch is not None
    assert (report.ok, report.watch.outcome) == (False, "taken back")
    live = await ready.live()
    assert before is not None and live is not None and live.plan == before.plan
    taken_back = ready.history()[-2]
    assert taken_back.note.startswith("taken back: computed tokens +")
    assert taken_back.before is not None and taken_back.after is not None
    assert (taken_back.before.computed_tokens or 0) < (taken_back.after.computed_tokens or 0)
    assert report.verified[-1] == "charter_bls answered a request"


async def test_a_push_that_changes_nothing_for_requests_is_kept(
    ready: Deployer, client: TritonClient
) -> None:
    known = await watch.before_push(ready)
    pushed = await ready.push(plan_with(98), CALLS)
    async with traffic(client, lambda: PROMPT):
        report = await watch.watched(ready, pushed, known, PushWatch(seconds=2, margin=5.0))
    assert report.watch is not None and (report.ok, report.watch.outcome) == (True, "kept")
    assert (await ask(client)).revision == pushed.revision


async def test_without_traffic_nothing_is_compared(ready: Deployer) -> None:
    known = await watch.before_push(ready)
    pushed = await ready.push(plan_with(97), CALLS)
    report = await watch.watched(ready, pushed, known, PushWatch(seconds=0.5))
    assert report.watch is not None and report.watch.outcome == "not compared"
