"""A deployment by the public functions alone: up, profile, push, history, drift, rollback, down."""

from pathlib import Path

import pytest

from charter_engine.api import deploying, deployments, drifting, embedded, revisions, running
from charter_engine.api.progress import Progress
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploying import PushRequest, RollbackRequest
from charter_engine.contracts.embedded import EmbeddedRequest
from charter_engine.contracts.running import RunRequest
from charter_engine.errors import CharterError
from tests.unit.api.agents import FACTS, write_agent, write_plan

NAME = "api-test"
TRITON = TritonOptions(name=NAME)


@pytest.fixture
def pushed(tmp_path: Path) -> PushRequest:
    write_agent(tmp_path)
    nodes = f"\n  {FACTS}:\n    decode_priority: 20"
    return PushRequest(plan=str(write_plan(tmp_path, "desk.py", nodes)), note="first")


async def test_a_deployment_from_up_to_down(
    tmp_path: Path, pushed: PushRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    state = await embedded.up(EmbeddedRequest(name=NAME))
    try:
        assert embedded.status(NAME) == state
        with pytest.raises(CharterError, match="is up already"):
            await embedded.up(EmbeddedRequest(name=NAME))
        assert (await deployments.profile(TRITON)).charter_bls

        assert await revisions.history(TRITON) == ()
        assert (await drifting.drift(TRITON)).revision is None
        wanted = await deploying.diff(pushed, TRITON)
        steps: list[Progress] = []
        report = await deploying.push(pushed, TRITON, steps.append)
        assert report.diff == wanted
        assert "verified" in [step.stage for step in steps]
        assert [item.note for item in await revisions.history(TRITON)] == ["as found", "first"]

        plan_file = Path(state.repository) / "charter_bls" / "1" / "plan.json"
        content = plan_file.read_text()
        assert (await drifting.drift(TRITON)).changes == ()
        plan_file.write_text(content.replace("facts", "fakts"))
        drifted = await drifting.drift(TRITON)
        assert drifted.revision == report.revision
        assert [change.place for change in drifted.changes] == ["charter_bls/1/plan.json"]
        plan_file.write_text(content)

        measured = await running.run(
            RunRequest(agent=str(tmp_path / "desk.py"), plan=pushed.plan),
            TritonOptions(url=state.grpc_url),
        )
        assert (measured.state, len(measured.requests)) == ("done", 4)

        back = await deploying.rollback(RollbackRequest(base_revision=report.revision), TRITON)
        assert [change.new for change in back.diff.changes] == ["35"]
    finally:
        assert embedded.down(NAME)
    assert embedded.status(NAME) is None
