"""A source that changes on disk under an open agent."""

from pathlib import Path

from charter_engine.api.agents import OpenedAgent, open_agent
from charter_engine.service.source_watch import SourceWatch

AGENT = """
def answer(client, note):
    return client.generate(f"Read this: {note}", max_tokens=8)
"""


def written(directory: Path) -> Path:
    path = directory / "agent.py"
    path.write_text(AGENT)
    path.with_name("agent.inputs.jsonl").write_text('{"note": "x"}\n')
    return path


async def test_a_change_of_source_or_inputs_is_told_once(tmp_path: Path) -> None:
    path = written(tmp_path)
    told: list[OpenedAgent] = []
    watch = SourceWatch(told.append)
    agent = open_agent(path)
    watch.opened(agent)
    await watch.look()
    assert told == []
    path.write_text(AGENT + "# longer\n")
    await watch.look()
    await watch.look()
    assert told == [agent]
    path.with_name("agent.inputs.jsonl").write_text('{"note": "longer"}\n')
    await watch.look()
    assert told == [agent, agent]


async def test_a_source_that_is_gone_has_changed(tmp_path: Path) -> None:
    path = written(tmp_path)
    told: list[OpenedAgent] = []
    watch = SourceWatch(told.append)
    watch.opened(open_agent(path))
    path.unlink()
    await watch.look()
    assert len(told) == 1


async def test_what_was_read_again_is_what_is_on_disk(tmp_path: Path) -> None:
    path = written(tmp_path)
    told: list[OpenedAgent] = []
    watch = SourceWatch(told.append)
    watch.opened(open_agent(path))
    path.write_text(AGENT + "# longer\n")
    watch.opened(open_agent(path))
    await watch.look()
    assert told == []
