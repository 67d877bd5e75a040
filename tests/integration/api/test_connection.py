"""A deployment from Python: an embedded Triton for a block, by both forms."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

import charter_engine as charter
from charter_engine.embedded.instances import running
from charter_engine.scrub import MASK, scrub
from tests.unit.api.agents import FACTS, write_agent, write_plan


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    yield
    assert running() == []


@pytest.fixture
def agent(tmp_path: Path) -> charter.Agent:
    return charter.compile(write_agent(tmp_path))


def test_a_deployment_by_the_synchronous_forms(agent: charter.Agent, tmp_path: Path) -> None:
    file = write_plan(tmp_path, "desk.py", f"\n  {FACTS}:\n    decode_priority: 20")
    with charter.embedded_triton(tokens_per_block=16) as triton:
        assert triton.profile().record.tokens_per_block == 16
        assert charter.connect(triton.address).profile().record.charter_bls
        assert triton.history().to_dicts() == []

        steps: list[str] = []
        wanted = triton.diff(file, agent=agent.path)
        pushed = triton.push(
            file, agent=agent.path, note="first", report=lambda step: steps.append(step.stage)
        )
        assert pushed.record.diff == wanted.record
        assert "verified" in steps
        assert [row["note"] for row in triton.history().to_dicts()] == ["as found", "first"]
        assert triton.drift().record.changes == ()

        with pytest.raises(charter.CharterError) as refused:
            triton.rollback(base_revision=7)
        assert refused.value.kind == "stale"
        back = triton.rollback()
        assert [change.new for change in back.record.diff.changes] == ["35"]

        measured = triton.run(agent, plan=file, limit=1)
        assert (measured.record.variant, len(measured.to_dicts())) == ("plan", 2)
        assert triton.run(agent, limit=1).record.variant == "baseline"


async def test_a_deployment_inside_a_running_event_loop(agent: charter.Agent) -> None:
    plan = await agent.plan_async(without=["block_size"])
    async with charter.embedded_triton() as triton:
        assert (await triton.push_async(plan)).record.ok
        (as_found, pushed) = triton.history().to_dicts()
        assert (as_found["state"], pushed["state"]) == ("superseded", "live")
        assert (await triton.drift_async()).record.revision == pushed["revision"]


async def test_a_cancelled_run_gives_what_was_measured_until_then(agent: charter.Agent) -> None:
    items = [{"document": f"{number}: some text."} for number in range(500)]
    async with charter.embedded_triton() as triton:
        begun = asyncio.Event()

        def hear(progress: charter.Progress) -> None:
            if progress.done > 2:
                begun.set()

        run = asyncio.create_task(triton.run_async(agent, items, report=hear))
        beginning = asyncio.create_task(begun.wait())
        await asyncio.wait([run, beginning], return_when=asyncio.FIRST_COMPLETED)
        run.cancel()
        beginning.cancel()
        found = await run
    assert found.record.state == "cancelled"
    assert 4 < len(found.to_dicts()) < 1000


def test_a_benchmark_of_two_variants_tells_what_each_computed(agent: charter.Agent) -> None:
    with charter.embedded_triton() as triton:
        rows = triton.bench(agent, plan=agent.as_written, quick=True, iterations=1).to_dicts()
    assert {"baseline", "plan"} <= {row["variant"] for row in rows}
    assert all(row["failures"] == 0 for row in rows)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(charter.UsageError, match="localhost: not of the form HOST:PORT"):
        charter.connect("localhost")


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(charter.UsageError, match="go together"):
        charter.connect("localhost:8001", tls=True, client_certificate=tmp_path / "ours.pem")


def test_a_credential_is_masked_in_whatever_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charter_engine.scrub._secrets", set())
    charter.connect("localhost:8001", headers={"authorization": "Bearer mallow"})
    assert scrub("sent Bearer mallow") == f"sent {MASK}"


def test_without_an_address_an_embedded_triton_must_be_up() -> None:
    with pytest.raises(charter.CharterError, match="no embedded Triton named 'default' is up"):
        charter.connect()


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    with pytest.raises(charter.CharterError) as failed:
        charter.connect("127.0.0.1:1").profile()
    assert failed.value.kind == "unreachable"
