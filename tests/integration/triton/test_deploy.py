"""Push and rollback against a real Triton.

Whatever happens, the old revision or the new one is live.
"""

import asyncio
import dataclasses
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.prompts.identity import identity_of
from charter_engine.servers.attaching import target_for
from charter_engine.triton import files
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import InvalidInput, Stale, TritonError, TritonRefused
from charter_engine.triton.journal import Journal
from charter_engine.triton.model_config import edit_parameters, parameters_of
from charter_engine.triton.release import BLS_CONFIG, BLS_PLAN
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from tests.integration.triton import pushing
from tests.integration.triton.conftest import Served
from tests.integration.triton.pushing import CALLS, NODE, ask, deployer, leftovers, plan_with

BLS_STEPS = (
    "staged",
    "journaled",
    f"wrote {BLS_PLAN}",
    f"wrote {BLS_CONFIG}",
    f"loaded {BLS_MODEL}",
    "verified",
)


class Boom(Exception):
    """Something nobody expected."""


async def push_first(client: TritonClient, served: Served) -> Deployer:
    """A deployment with a revision live, for what comes next to endanger."""
    ready = deployer(client, served.repository)
    await ready.repair()
    if await ready.live() is None:
        await ready.push(plan_with(70), CALLS)
    return ready


async def assert_live(client: TritonClient, served: Served, revision: int) -> None:
    ready = deployer(client, served.repository)
    live = await ready.live()
    assert live is not None and live.number == revision
    assert (await ask(client)).revision == revision
    assert parameters_of(await client.config(BLS_MODEL))["charter_revision"] == str(revision)
    assert await ready.foreign_changes() == ()
    assert leftovers(served.repository) == []
    assert ready.journal.pending() is None


async def test_a_push_is_live_when_it_returns_and_a_rollback_takes_it_back(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    report = await ready.push(plan_with(81), CALLS, note="higher")
    answer = await ask(client)
    assert (answer.node, answer.revision) == (NODE, report.revision)
    assert report.diff.cost == "plan reload"
    back = await ready.rollback()
    await assert_live(client, served, back.revision)
    live = await ready.live()
    assert live is not None and live.plan == plan_with(70)
    assert [item.state for item in ready.history()][-2:] == ["rolled back", "live"]


async def test_pushing_what_is_live_changes_nothing(served: Served, client: TritonClient) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    report = await ready.push(before.plan, CALLS)
    assert (report.revision, report.message) == (before.number, "nothing to push")


async def test_an_engine_setting_reaches_the_engine_and_none_goes_back_to_the_deployments_own(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    original = parameters_of(await client.config(ENGINE_MODEL))["kv_cache_free_gpu_mem_fraction"]
    await ready.push(plan_with(70, kv_cache_free_gpu_mem_fraction=0.5), CALLS)
    assert (
        parameters_of(await client.config(ENGINE_MODEL))["kv_cache_free_gpu_mem_fraction"] == "0.5"
    )
    await ready.push(plan_with(70), CALLS)
    assert (
        parameters_of(await client.config(ENGINE_MODEL))["kv_cache_free_gpu_mem_fraction"]
        == original
    )


async def test_another_block_size_is_built_and_served(served: Served, client: TritonClient) -> None:
    ready = await push_first(client, served)
    await ready.push(plan_with(70, tokens_per_block=16), CALLS)
    answer = await ask(client)
    assert (
        answer.prompt_tokens is not None
        and answer.missed_blocks is not None
        and answer.reused_blocks is not None
    )
    assert answer.missed_blocks + answer.reused_blocks == -(-answer.prompt_tokens // 16)
    await ready.rollback()


async def test_a_setting_the_engine_refuses_leaves_the_old_one_serving(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    with pytest.raises(TritonError, match=r"1 blocks of 32 tokens.*is live again"):
        await ready.push(plan_with(70, max_tokens_in_paged_kv_cache=1), CALLS)
    await assert_live(client, served, before.number)
    assert ready.history()[-1].state == "failed"


@pytest.mark.parametrize("step", BLS_STEPS)
async def test_a_failure_at_any_step_is_taken_back(
    step: str, served: Served, client: TritonClient
) -> None:
    before = await (await push_first(client, served)).live()
    assert before is not None

    def fail(done: str) -> None:
        if done == step:
            raise Boom(step)

    with pytest.raises(Boom):
        await deployer(client, served.repository, fail).push(plan_with(90), CALLS)
    await assert_live(client, served, before.number)


async def test_an_interrupt_in_the_middle_is_taken_back(
    served: Served, client: TritonClient
) -> None:
    before = await (await push_first(client, served)).live()
    assert before is not None

    def interrupt(done: str) -> None:
        if done.startswith("wrote"):
            pusher.cancel()

    pusher = asyncio.create_task(
        deployer(client, served.repository, interrupt).push(plan_with(91), CALLS)
    )
    with pytest.raises(asyncio.CancelledError):
        await pusher
    await assert_live(client, served, before.number)


async def test_an_interrupt_while_triton_loads_is_taken_back(
    served: Served, client: TritonClient
) -> None:
    before = await (await push_first(client, served)).live()
    assert before is not None

    def interrupt(done: str) -> None:
        if done == f"wrote {BLS_CONFIG}":
            asyncio.get_running_loop().call_later(0.1, pusher.cancel)

    pusher = asyncio.create_task(
        deployer(client, served.repository, interrupt).push(plan_with(93), CALLS)
    )
    with pytest.raises(asyncio.CancelledError):
        await pusher
    await assert_live(client, served, before.number)
    await deployer(client, served.repository).push(plan_with(96), CALLS)


@pytest.mark.parametrize(
    "step", ["journaled", f"wrote {BLS_PLAN}", f"loaded {BLS_MODEL}", "committed"]
)
async def test_a_pusher_killed_at_any_step_is_repaired(
    step: str, served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    died = await asyncio.to_thread(
        subprocess.run,
        [
            sys.executable,
            "-m",
            pushing.__name__,
            served.state.grpc_url,
            str(served.repository),
            "92",
            step,
        ],
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert (await ask(client)).revision is not None
    await ready.repair()
    number = ready.journal.numbers()[-1] if step == "committed" else before.number
    await assert_live(client, served, number)
    if step == "committed":
        await ready.rollback()


async def test_a_full_disk_changes_nothing(
    served: Served, client: TritonClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    write = files._write_new

    def full(path: Path, content: bytes, *, like: Path) -> None:
        if path.name.startswith(".config.pbtxt"):
            write(path, content[:10], like=like)
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write(path, content, like=like)

    monkeypatch.setattr(files, "_write_new", full)
    with pytest.raises(TritonError, match=r"nothing was changed: .*No space left"):
        await ready.push(plan_with(93), CALLS)
    monkeypatch.undo()
    await assert_live(client, served, before.number)


async def test_a_server_that_dies_in_the_middle_comes_back_with_the_old_revision(
    served: Served, client: TritonClient
) -> None:
    before = await (await push_first(client, served)).live()
    assert before is not None

    def kill(done: str) -> None:
        if done == f"wrote {BLS_PLAN}":
            os.kill(served.state.server, signal.SIGKILL)

    with pytest.raises(TritonError, match="is live again"):
        await deployer(client, served.repository, kill).push(plan_with(94), CALLS)
    await assert_live(client, served, before.number)


async def test_a_plan_broken_by_hand_is_refused_and_the_old_one_goes_on_serving(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    path = served.repository / BLS_PLAN
    good = path.read_bytes()
    path.write_text('{"format": 1, "revision": 1, "nodes": [{"node": ""}]}')
    with pytest.raises(TritonError, match=r"nodes\[0\].node: must be a call's id"):
        await client.load(BLS_MODEL)
    assert (await ask(client)).revision == before.number
    assert [change.place for change in await ready.foreign_changes()] == [BLS_PLAN]
    path.write_bytes(good)
    await assert_live(client, served, before.number)


async def test_a_decision_made_on_another_revision_is_stale(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    with pytest.raises(Stale, match="revision 999"):
        await ready.push(plan_with(95), CALLS, base_revision=999)


async def test_of_two_pushers_at_once_one_is_refused(served: Served, client: TritonClient) -> None:
    ready = await push_first(client, served)
    outcomes = await asyncio.gather(
        deployer(client, served.repository).push(plan_with(60), CALLS),
        deployer(client, served.repository).push(plan_with(61), CALLS),
        return_exceptions=True,
    )
    assert sorted(type(item).__name__ for item in outcomes) == ["PushReport", "TritonRefused"]
    live = await ready.live()
    assert live is not None
    await assert_live(client, served, live.number)


async def test_somebody_elses_change_is_not_pushed_over_unless_forced(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    path = served.repository / ENGINE_MODEL / "config.pbtxt"
    path.write_text(edit_parameters(path.read_text(), {"stats_check_period_ms": "50"}, str(path)))
    await client.load(ENGINE_MODEL)
    with pytest.raises(TritonRefused, match="stats_check_period_ms: pushed 100, found 50"):
        await ready.push(plan_with(62), CALLS)
    await ready.push(plan_with(62), CALLS, force=True)
    assert parameters_of(await client.config(ENGINE_MODEL))["stats_check_period_ms"] == "50"


async def test_a_plan_for_another_agent_is_refused(served: Served, client: TritonClient) -> None:
    ready = await push_first(client, served)
    with pytest.raises(InvalidInput, match=r"nodes that agent\.py does not"):
        await ready.push(plan_with(63), ())


async def test_another_agents_plan_is_not_pushed_over_the_live_one_unless_forced(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    mine = replace(plan_with(66), identity=identity_of("agent.py", CALLS))
    live = await ready.push(mine, CALLS)
    calls = (replace(CALLS[0], id="Other.run:summary"),)
    other = Plan(
        agent="other.py",
        nodes={"Other.run:summary": NodePlan()},
        identity=identity_of("other.py", calls),
    )
    words = r"live for agent agent \(agent\.py\); this plan is for other \(other\.py\)"
    with pytest.raises(TritonRefused, match=words):
        await ready.push(other, calls)
    with pytest.raises(TritonRefused, match=words):
        await ready.diff(other)
    await assert_live(client, served, live.revision)
    await ready.push(other, calls, force=True)
    await ready.rollback()


async def test_what_was_pushed_from_elsewhere_is_live_here(
    served: Served, client: TritonClient, tmp_path: Path
) -> None:
    ready = await push_first(client, served)
    pushed = await ready.push(plan_with(67), CALLS)
    here = target_for(client, repository=served.repository)
    there = Deployer(dataclasses.replace(here, journal=Journal(tmp_path / "journal")))
    assert there.recorded() is None
    found = await there.live()
    assert found is not None and (found.number, found.plan) == (0, plan_with(67))
    assert (await there.diff(plan_with(67))).changes == ()
    second = await there.push(plan_with(68), CALLS, base_revision=0)
    assert second.revision == pushed.revision + 1
    assert [change.old for change in second.diff.changes] == ["segments 0-0: 67 until evicted"]
    seen = await ready.live()
    assert seen is not None and (seen.number, seen.plan) == (second.revision, plan_with(68))
    with pytest.raises(TritonRefused, match="somebody else changed this deployment"):
        await ready.push(plan_with(69), CALLS)
    await ready.push(plan_with(69), CALLS, force=True)


async def test_requests_during_a_push_are_all_answered_by_the_old_or_the_new_revision(
    served: Served, client: TritonClient
) -> None:
    ready = await push_first(client, served)
    before = await ready.live()
    assert before is not None
    pushing_task = asyncio.create_task(ready.push(plan_with(64), CALLS))
    revisions = set()
    while not pushing_task.done():
        answers = await asyncio.gather(*(ask(client) for _ in range(4)))
        revisions |= {answer.revision for answer in answers}
    report = await pushing_task
    revisions.add((await ask(client)).revision)
    assert revisions == {before.number, report.revision}


async def test_without_the_repository_the_plan_travels_in_the_configuration(
    served: Served, client: TritonClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path))
    remote = deployer(client, None)
    report = await remote.push(plan_with(65), CALLS)
    assert (await ask(client)).revision == report.revision
    await remote.rollback(0)
    assert (await ask(client)).revision is not None
