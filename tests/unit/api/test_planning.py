"""One request, one plan, whichever door it came through."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from charter_engine.api.agents import open_agent
from charter_engine.api.live_planning import on_deployment
from charter_engine.api.planning import plan
from charter_engine.api.progress import Progress
from charter_engine.cli import main
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.planning import Levers, PlanRequest
from charter_engine.errors import UsageError

AGENT = str(Path(__file__).parents[3] / "examples" / "agents" / "document_processor.py")
POOL = KvPool(max_blocks=64, free_blocks=64, used_blocks=0, tokens_per_block=32)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["plan", *arguments, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.fixture
def agent(tmp_path: Path) -> str:
    """The document example over two short documents."""
    path = tmp_path / "agent.py"
    path.write_text(Path(AGENT).read_text())
    lines = [json.dumps({"document": f"{number}: " + "some text. " * 20}) for number in range(2)]
    path.with_name("agent.inputs.jsonl").write_text("\n".join(lines))
    return str(path)


def test_the_console_and_the_command_find_the_same_plan(
    agent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_agent(Path(agent))
    proposed = plan(on_deployment(PlanRequest(), opened, POOL), opened).derivation
    options = ["--inputs", str(opened.inputs_path), "--tokens-per-block", "32"]
    commanded = printed(capsys, agent, *options, "--pool-tokens", "2048")
    assert commanded == json.loads(msgspec.json.encode(proposed))


def test_a_request_survives_the_wire(agent: str) -> None:
    request = PlanRequest(agent=agent, levers=Levers(layout=False), objective="throughput")
    packed = msgspec.msgpack.encode(request)
    assert msgspec.msgpack.decode(packed, type=PlanRequest) == request


def test_a_result_survives_the_wire(agent: str) -> None:
    result = plan(PlanRequest(agent=agent))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(result), type=type(result)) == result


def test_what_the_plan_rests_on_is_noted_where_no_inputs_are_given(tmp_path: Path) -> None:
    path = tmp_path / "agent.py"
    path.write_text(Path(AGENT).read_text())
    result = plan(PlanRequest(agent=str(path), levers=Levers(block_size=False)))
    assert [note.message for note in result.notes] == [
        "no inputs given; the plan rests on assumed ones"
    ]


def test_a_request_for_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no AGENT"):
        plan(PlanRequest())


def test_who_watches_can_end_the_search(agent: str) -> None:
    def stop(progress: Progress) -> None:
        raise InterruptedError(progress.stage)

    with pytest.raises(InterruptedError):
        plan(PlanRequest(agent=agent), report=stop)


def test_every_point_that_is_predicted_is_told(agent: str) -> None:
    heard: list[Progress] = []
    result = plan(PlanRequest(agent=agent), report=heard.append)
    assert _done(heard) == list(range(1, len(heard) + 1))
    assert len(heard) >= len(result.derivation.evaluations)


def _done(heard: Sequence[Progress]) -> list[int]:
    return [progress.done for progress in heard]
