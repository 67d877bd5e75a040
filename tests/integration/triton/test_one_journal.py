"""One deployment, one journal: whoever reaches it, by whichever name, sees the same revisions."""

import asyncio
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from charter_engine.api import deployments
from charter_engine.api.progress import Progress
from charter_engine.contracts.connection import TritonOptions
from charter_engine.servers.attaching import attached, deployer_of
from charter_engine.servers.deployment import Deployment
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import Stale, TritonRefused
from charter_engine.triton.journal import Journal
from charter_engine.triton.model_config import parameters_of
from charter_engine.triton.release import BLS_CONFIG, BLS_PLAN
from charter_engine.triton.request import BLS_MODEL
from charter_engine.triton.sealed import Damaged
from tests.integration.triton import pushing
from tests.integration.triton.conftest import Served
from tests.integration.triton.pushing import CALLS, ask, plan_with


@pytest.fixture
async def ready(served: Served, client: TritonClient) -> AsyncIterator[Deployer]:
    """A deployment with two revisions pushed."""
    options = TritonOptions(url=served.state.grpc_url, repository=served.repository)
    found = await deployer_of(client, options)
    await found.push(plan_with(60), CALLS, force=True)
    await found.push(plan_with(61), CALLS, force=True)
    yield found
    await found.repair()


def options_of(served: Served, tmp_path: Path) -> tuple[TritonOptions, ...]:
    """The same deployment, as it may be typed."""
    link = tmp_path / "link"
    link.symlink_to(served.repository)
    port = served.state.grpc
    return (
        TritonOptions(url=f"127.0.0.1:{port}", repository=served.repository),
        TritonOptions(url=f"localhost:{port}", repository=link),
        TritonOptions(url=f"localhost:{port}"),
        TritonOptions(url=f"127.0.0.1:{port}"),
    )


async def test_by_every_name_the_same_revisions_are_seen(
    ready: Deployer, served: Served, tmp_path: Path
) -> None:
    seen = []
    for options in options_of(served, tmp_path):
        async with attached(options) as found:
            live = await found.live()
            assert live is not None
            seen.append((live.number, [item.number for item in found.history()]))
    assert seen == [(seen[0][0], ready.journal.numbers())] * len(seen)


async def test_a_push_by_one_name_holds_off_pushes_by_the_others(
    ready: Deployer, served: Served, tmp_path: Path
) -> None:
    with ready.journal.locked():
        for options in options_of(served, tmp_path):
            async with attached(options) as found:
                with pytest.raises(TritonRefused, match=r"process \d+ of .+ on .+, since"):
                    await found.push(plan_with(62), CALLS)


async def test_a_push_without_the_repository_goes_into_the_one_that_is_known(
    ready: Deployer, served: Served
) -> None:
    async with attached(TritonOptions(url=f"localhost:{served.state.grpc}")) as found:
        report = await found.push(plan_with(63), CALLS)
    assert f'"revision": {report.revision}' in (served.repository / BLS_PLAN).read_text()
    assert await ready.foreign_changes() == ()


async def test_writers_who_share_no_disk_are_fenced_by_the_stamp(
    ready: Deployer, served: Served, client: TritonClient, tmp_path: Path
) -> None:
    """One pushes by the server alone while the other has staged its files."""
    target = dataclasses.replace(ready.target, repository=None, journal=Journal(tmp_path / "j"))

    async def push_there() -> None:
        async with TritonClient(served.state.connection) as other:
            there = Deployer(dataclasses.replace(target, client=other))
            theirs.append((await there.push(plan_with(65), CALLS)).revision)

    def push_meanwhile(done: str) -> None:
        if done == "staged":
            with ThreadPoolExecutor() as pool:
                pool.submit(asyncio.run, push_there()).result()

    theirs: list[int] = []
    with pytest.raises(Stale, match=r"somebody else pushed.*and was left as it is"):
        await Deployer(ready.target, on_step=push_meanwhile).push(plan_with(64), CALLS)
    assert (await ask(client)).revision == theirs[0]


async def test_every_push_has_a_stamp_of_its_own(ready: Deployer, client: TritonClient) -> None:
    stamps = set()
    for priority in (71, 72):
        await ready.push(plan_with(priority), CALLS, force=True)
        shown = parameters_of(await client.config(BLS_MODEL))
        number, _, random = shown["charter_stamp"].partition("-")
        assert number == shown["charter_revision"]
        stamps.add(random)
    assert len(stamps) == 2


async def _cut_short(served: Served, step: str) -> None:
    died = await asyncio.to_thread(
        subprocess.run,
        [
            *(sys.executable, "-m", pushing.__name__),
            *(served.state.grpc_url, str(served.repository), "92", step),
        ],
        check=False,
        env={**os.environ},
    )
    assert died.returncode == -signal.SIGKILL


async def test_a_push_that_was_cut_short_is_told_and_its_number_is_not_used_again(
    ready: Deployer, served: Served
) -> None:
    before = await ready.live()
    assert before is not None
    await _cut_short(served, f"wrote {BLS_CONFIG}")
    cut = ready.history()[-1]
    assert (cut.state, "cut short" in cut.note) == ("pending", True)
    assert f"revision {before.number} is live again" in await ready.repair()
    told = ready.history()[-1]
    assert (told.number, told.state, told.note) == (
        cut.number,
        "failed",
        "cut short and taken back",
    )
    report = await ready.push(plan_with(66), CALLS)
    assert report.revision == cut.number + 1


async def test_a_rollback_after_a_push_that_was_cut_short_goes_back_one(
    ready: Deployer, served: Served
) -> None:
    before = await ready.live()
    await _cut_short(served, f"loaded {BLS_MODEL}")
    report = await ready.rollback()
    assert before is not None and report.revision == before.number
    assert "cut short" in report.message
    assert await ready.live() == before


async def test_a_rollback_after_a_push_that_had_gone_live_takes_that_back(
    ready: Deployer, served: Served
) -> None:
    before = await ready.live()
    await _cut_short(served, "committed")
    await ready.rollback()
    live = await ready.live()
    assert before is not None and live is not None
    assert live.plan == before.plan


async def test_whoever_only_looks_has_a_push_repaired_that_was_cut_short(
    ready: Deployer, served: Served
) -> None:
    before = await ready.live()
    options = TritonOptions(url=served.state.grpc_url, repository=served.repository)
    await _cut_short(served, f"wrote {BLS_PLAN}")
    steps: list[Progress] = []
    await deployments.profile(options, steps.append)
    assert ["cut short" in step.stage for step in steps] == [True]
    assert before is not None and (await ready.foreign_changes(), await ready.live()) == (
        (),
        before,
    )


async def test_an_engine_that_attaches_has_a_push_repaired_that_was_cut_short(
    ready: Deployer, served: Served
) -> None:
    before = await ready.live()
    await _cut_short(served, f"wrote {BLS_PLAN}")
    deployment = Deployment(TritonOptions(url=served.state.grpc_url, repository=served.repository))
    await deployment.start()
    await deployment.close()
    assert before is not None and (await ready.foreign_changes(), await ready.live()) == (
        (),
        before,
    )


async def test_an_engine_that_only_watches_says_so_once_and_repairs_nothing(
    ready: Deployer, served: Served
) -> None:
    await _cut_short(served, f"wrote {BLS_PLAN}")
    assert "history repair takes it back" in ready.interruption()
    assert await ready.foreign_changes() == ()
    steps: list[str] = []
    options = TritonOptions(url=served.state.grpc_url, repository=served.repository)
    deployment = Deployment(options, steps.append, watched_only=True)
    await deployment.start()
    await deployment.close()
    assert [("cut short" in step, "only watches" in step) for step in steps] == [(True, True)]
    assert ready.journal.pending() is not None


async def test_a_damaged_journal_of_a_push_that_was_cut_short_is_put_together_and_taken_back(
    ready: Deployer, served: Served, client: TritonClient
) -> None:
    before = await ready.live()
    await _cut_short(served, f"loaded {BLS_MODEL}")
    (ready.journal.directory / "pending.json").write_bytes(b"half")
    done = await ready.repair_journal()
    assert ["cut short" in line for line in done] == [True]
    assert (await ready.foreign_changes(), await ready.live()) == ((), before)
    assert pushing.leftovers(served.repository) == []
    assert before is not None and (await ask(client)).revision == before.number


async def test_a_lost_live_revision_is_read_back_from_the_deployment(
    ready: Deployer, served: Served, client: TritonClient
) -> None:
    before = await ready.live()
    assert before is not None
    found = ready.journal.record(0)
    (ready.journal.directory / "revisions" / f"{before.number:06d}.json").write_bytes(b"{")
    with pytest.raises(Damaged, match="damaged"):
        await ready.push(plan_with(69), CALLS)
    done = await ready.repair_journal()
    assert [line.partition(" was ")[0] for line in done] == [
        f"{before.number:06d}.json",
        f"revision {before.number}",
    ]
    assert (await ready.push(plan_with(69), CALLS)).revision == before.number + 1
    assert ready.journal.record(0) == found


async def test_a_push_in_progress_is_not_taken_for_one_that_was_cut_short(
    ready: Deployer, served: Served
) -> None:
    seen: list[str] = []

    def look(done: str) -> None:
        if done == f"wrote {BLS_PLAN}":
            with ThreadPoolExecutor() as pool:
                options = TritonOptions(url=served.state.grpc_url)
                seen.append(pool.submit(asyncio.run, deployments.profile(options)).result().path)

    await Deployer(ready.target, on_step=look).push(plan_with(68), CALLS)
    assert seen == ["engine"]


async def test_a_lost_number_of_the_live_revision_costs_nothing(
    ready: Deployer, served: Served
) -> None:
    found = ready.journal.record(0)
    (ready.journal.directory / "live.json").write_bytes(b"")
    assert (await ready.push(plan_with(67), CALLS)).ok
    assert ready.journal.record(0) == found
