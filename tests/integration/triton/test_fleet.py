"""Two Tritons as one deployment: a change reaches both or none."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from charter_engine.api import deploying, doctor, rolling
from charter_engine.api.fleet_now import FleetLook, fleet_now
from charter_engine.api.progress import Progress
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploying import PushRequest, RollbackRequest
from charter_engine.contracts.live import TritonSample
from charter_engine.errors import UsageError
from charter_engine.servers.attaching import attached
from charter_engine.servers.deployment import Deployment
from tests.integration.triton.conftest import Served, serving
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
