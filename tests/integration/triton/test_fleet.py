"""Two Tritons as one deployment: a change reaches both or none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.api import deploying, doctor, rolling, trials
from charter_engine.api.canary import rounds_of_all
from charter_engine.api.fleet_now import FleetLook, fleet_now
from charter_engine.api.progress import Progress
from charter_engine.api.rolling import OpenChange, change_open
from charter_engine.api.watching import WatchedPush
from charter_engine.contracts.canary import CanaryRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploying import PushRequest, PushWatch, RollbackRequest
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.trial import StartTrial, TrialMargins, TrialRequest
from charter_engine.errors import UsageError
from charter_engine.servers.attaching import attached
from charter_engine.servers.deployment import Deployment
from charter_engine.triton.client import TritonClient
from charter_engine.triton.release import BLS_CONFIG
from charter_engine.triton.request import BLS_MODEL, GenerateRequest
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import CALLS, PROMPT, plan_with
from tests.unit.api.agents import FACTS, write_agent, write_plan

NOBODY = TritonOptions(url="127.0.0.1:9")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("other"))


@pytest.fixture
def both(served: Served, other: Served) -> tuple[TritonOptions, TritonOptions]:
    return (TritonOptions(url=served.state.grpc_url), TritonOptions(url=other.state.grpc_url))


def request_for(directory: Path, priority: int) -> PushRequest:
    write_agent(directory)
    nodes = f"\n  {FACTS}:\n    decode_priority: {priority}"
    return PushRequest(plan=str(write_plan(directory, "desk.py", nodes)), force=False)


async def priorities(servers: tuple[TritonOptions, ...]) -> list[int | None]:
    """What each server keeps generated tokens at."""
    found = []
    for options in servers:
        async with attached(options) as deployer:
            live = await deployer.live()
            node = live.plan.nodes.get(FACTS) if live is not None else None
            found.append(node.decode_priority if node is not None else None)
    return found


async def test_a_push_goes_through_both_and_a_rollback_too(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    request = request_for(tmp_path, 41)
    asked = await rolling.diff(request, both)
    assert [one.diff is not None and bool(one.diff.changes) for one in asked.servers] == [True] * 2
    pushed = await rolling.push(request, both)
    assert (pushed.ok, await priorities(both)) == (True, [41, 41])
    assert [one.state for one in (await rolling.push(request, both)).servers] == ["unchanged"] * 2
    back = await rolling.rollback(RollbackRequest(), both)
    assert (back.ok, await priorities(both)) == (True, [None, None])


async def test_where_one_is_being_pushed_to_by_another_the_first_is_taken_back(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    before = await priorities(both)
    async with attached(both[1]) as second:
        with second.journal.locked():
            pushed = await rolling.push(request_for(tmp_path, 42), both)
    assert [one.state for one in pushed.servers] == ["taken back", "failed"]
    assert "another push to this deployment is in progress" in pushed.servers[1].message
    assert await priorities(both) == before


async def test_an_interrupted_push_is_taken_back_on_all(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    before = await priorities(both)
    at_second = asyncio.Event()

    def report(progress: Progress) -> None:
        if progress.stage.startswith(f"{both[1].url}: "):
            at_second.set()

    pushing = asyncio.create_task(rolling.push(request_for(tmp_path, 43), both, report))
    await at_second.wait()
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing
    assert await priorities(both) == before


async def test_one_that_does_not_answer_keeps_the_others_as_they_are_unless_it_is_left_out(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    before, request = await priorities(both[:1]), request_for(tmp_path, 44)
    refused = await rolling.push(request, (both[0], NOBODY))
    assert [one.state for one in refused.servers] == ["waiting", "failed"]
    assert (refused.servers[1].kind, await priorities(both[:1])) == ("unreachable", before)
    pushed = await rolling.push(request, (both[0], NOBODY), skip_down=True)
    assert [one.state for one in pushed.servers] == ["changed", "down"]
    assert (pushed.ok, await priorities(both[:1])) == (True, [44])


async def test_two_names_of_one_server_are_not_two_servers(
    tmp_path: Path, served: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    again = TritonOptions(url=f"localhost:{served.state.grpc}")
    with pytest.raises(UsageError, match="are one deployment"):
        await rolling.push(request_for(tmp_path, 45), (both[0], again))


async def test_what_differs_is_told_with_both_values_and_what_to_do(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    request = request_for(tmp_path, 46)
    await rolling.push(request, both)
    alike = await fleet_now(both)
    assert (alike.up, alike.differences) == (2, ())
    await deploying.push(request_for(tmp_path, 47), both[1])
    found = await fleet_now((*both, NOBODY))
    (difference,) = found.differences
    assert difference.path == f"plan.nodes.{FACTS}.decode_priority"
    assert (difference.server, difference.usual, difference.found) == (both[1].url, "46", "47")
    assert [one.sample.health for one in found.servers] == ["ready", "ready", "unreachable"]
    report = await doctor.deployments((*both, NOBODY))
    told = [finding.message for finding in report.findings if finding.kind == "servers"]
    assert told == [
        f"{NOBODY.url} does not answer",
        f"{both[1].url} is not as the other servers: {difference.path}",
    ]


async def test_servers_that_are_looked_at_on_and_on_come_and_go(
    both: tuple[TritonOptions, TritonOptions],
) -> None:
    own = Deployment(both[0], watched_only=True)
    await own.start()
    look = FleetLook(own, lambda: TritonSample(health="ready", url=both[0].url or ""))
    await look.follow(both)
    await look.now(at=1_000.0)
    await look.closely()
    now = await look.now(at=1_001.0)
    assert (now.up, [one.revision is not None for one in now.servers]) == (2, [True, True])
    assert await look.follow((*both, NOBODY)) == ((NOBODY.url,), ())
    assert [one.sample.health for one in (await look.now(at=1_002.0)).servers][2] == "unreachable"
    assert await look.follow(both[:1]) == ((), (both[1].url, NOBODY.url))
    await look.close()
    await own.close()


def written_by_others(repository: Path) -> None:
    config = repository / BLS_CONFIG
    theirs = 'parameters { key: "theirs" value: { string_value: "7" } }'
    config.write_text(f"{config.read_text()}{theirs}\n")


async def drifted(servers: tuple[TritonOptions, ...]) -> list[bool]:
    return [bool(one.drift and one.drift.changes) for one in await rolling.drifts(servers)]


async def test_what_others_changed_of_each_is_told_and_put_back_on_both(
    tmp_path: Path, served: Served, other: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    await rolling.push(request_for(tmp_path, 48), both)
    for one in (served, other):
        written_by_others(one.repository)
    assert await drifted(both) == [True, True]
    report = await rolling.put_back(both)
    assert [one.state for one in report.servers] == ["changed", "changed"]
    assert await drifted(both) == [False, False]


async def test_what_others_changed_of_one_is_adopted_there_and_the_other_stays_as_it_is(
    tmp_path: Path, other: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    await rolling.push(request_for(tmp_path, 49), both)
    written_by_others(other.repository)
    report = await rolling.adopt(both)
    assert [one.state for one in report.servers] == ["unchanged", "changed"]
    assert await drifted(both) == [False, False]


async def test_where_one_cannot_be_adopted_none_is(
    tmp_path: Path, served: Served, other: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    await rolling.push(request_for(tmp_path, 50), both)
    written_by_others(served.repository)
    async with TritonClient(other.state.connection) as second:
        await second.unload(BLS_MODEL)
    report = await rolling.adopt(both)
    assert [one.state for one in report.servers] == ["waiting", "failed"]
    assert (await rolling.put_back(both)).ok


TRIED_SOURCE = """
def answer(client, document):
    facts = client.generate(document + "\\nList the facts of this document.", max_tokens=9)
    return facts
"""
TRIED = f"\n  {FACTS}:\n    layout: prefix-first\n    order: [1, 0]"
SESSIONS = 96
ASKED = "A note about boat {0}.\nList the facts of this document."


async def ask_each(servers: tuple[Served, ...], sessions: int) -> None:
    for one in servers:
        async with TritonClient(one.state.connection) as client:
            requests = (
                GenerateRequest(text=ASKED.format(number), max_tokens=1, session=f"s{number}")
                for number in range(sessions)
            )
            await asyncio.gather(*(client.generate(request) for request in requests))


async def test_a_trial_on_both_is_judged_as_one_and_stopped_on_both(
    tmp_path: Path, served: Served, other: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    write_agent(tmp_path, TRIED_SOURCE)
    plan = str(write_plan(tmp_path, "desk.py", TRIED))
    started = await rolling.start_trial(StartTrial(plan=plan, share=0.4, force=True), both)
    assert started.ok, [one.message for one in started.servers]
    assert (await rolling.set_share(0.5, both)).ok
    await ask_each((served, other), SESSIONS)
    status = await trials.status(TrialRequest(), *both)
    assert [one.requests for one in status.servers] == [SESSIONS, SESSIONS]
    assert status.treated.requests + status.control.requests == 2 * SESSIONS
    assert status.treated.sessions + status.control.sessions == SESSIONS
    async with asyncio.timeout(60):
        request = TrialRequest(margins=TrialMargins(total=-0.99))
        (*_, last) = [report async for report in trials.watch(request, *both, interval_s=0.1)]
    assert last.stopped is not None
    shares = []
    for options in both:
        async with attached(options) as deployer:
            live = await deployer.live()
            shares.append(live.plan.share if live is not None else None)
    assert shares == [0.0, 0.0]


async def test_a_canary_asks_both_and_tells_of_one_that_does_not_answer(
    both: tuple[TritonOptions, TritonOptions],
) -> None:
    found = [one async for one in rounds_of_all(CanaryRequest(rounds=2), (*both, NOBODY))][-1]
    assert [one.report.rounds for one in found] == [2, 2, 0]
    assert [one.kind for one in found] == [None, None, "unreachable"]


async def test_a_push_that_goes_worse_on_both_together_is_taken_back_on_both(
    served: Served, other: Served, both: tuple[TritonOptions, TritonOptions]
) -> None:
    opened = [Deployment(options) for options in both]
    for one in opened:
        await one.start()
    clients = [one.client for one in opened]
    numbers = iter(range(10_000))

    async def send(client: TritonClient, text: str) -> None:
        await client.generate(GenerateRequest(text=text, max_tokens=1))

    async def traffic() -> None:
        while True:
            more = "".join(f"{next(numbers)} boxes are missing. " for _ in range(8))
            text = PROMPT.replace("Nothing happened on Monday.", more)
            await asyncio.gather(*(send(client, text) for client in clients))

    def pushing(priority: int) -> OpenChange:
        return OpenChange(
            lambda each, live: each.push(plan_with(priority), CALLS, base_revision=live, force=True)
        )

    await change_open(opened, pushing(60), lambda *_: None)
    for _ in range(25):
        await asyncio.gather(*(send(client, PROMPT) for client in clients))
    before = [(await one.deployer.live()) for one in opened]
    watched = await WatchedPush.about_to(
        [one.deployer for one in opened], PushWatch(seconds=60, margin=0.5)
    )
    await change_open(opened, pushing(99), lambda *_: None)
    assert watched.begin()
    sending = asyncio.create_task(traffic())
    told = await watched.observed(lambda _: None)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    assert told.outcome == "taken back"
    report = await watched.taken_back(told)
    assert not report.ok
    assert report.message.endswith("and taken back on 1 more")
    after = [(await one.deployer.live()) for one in opened]
    assert [one and one.plan for one in after] == [one and one.plan for one in before]
    for one in opened:
        await one.close()


async def test_uninstalled_both_are_as_they_were_found(
    tmp_path: Path, both: tuple[TritonOptions, TritonOptions]
) -> None:
    await rolling.push(request_for(tmp_path, 51), both)
    refused = await rolling.uninstall((*both, NOBODY))
    assert [one.state for one in refused.servers] == ["waiting", "waiting", "failed"]
    report = await rolling.uninstall((*both, NOBODY), force=True, skip_down=True)
    assert [one.state for one in report.servers] == ["changed", "changed", "down"]
    assert [one.revisions for one in await rolling.histories(both)] == [(), ()]
