"""An agent is known by its content: what a script pushed is live in a console that opened the same
agent elsewhere, and another agent's plan is refused."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from charter_engine.contracts.commands import EditNode, ListRevisions, LoadPlan, OpenAgent, Push
from charter_engine.contracts.deploy import Diff, PushReport, Revision
from charter_engine.contracts.gauges import Session
from charter_engine.contracts.plan import Plan
from charter_engine.service.client import RequestFailed
from tests.integration.service.engines import (
    Watch,
    environment,
    serving,
    watching,
    write_agent,
)

SUMMARY, VERDICT = "Reader.read:summary", "Reader.read:verdict"
PUSHED_LAYOUT = "append-only"


def charter(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A command as a script in `directory` gives it, with relative paths."""
    return subprocess.run(
        [sys.executable, "-m", "charter_engine.cli", *arguments],
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment(directory.parent),
        check=False,
        timeout=120,
    )


def succeeded(directory: Path, *arguments: str) -> str:
    ended = charter(directory, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with an agent and the plan that Charter proposes for it."""
    directory = tmp_path / "checkout"
    directory.mkdir()
    write_agent(directory)
    succeeded(directory, "plan", "reader.py", "-o", "plan.yaml")
    return directory


@pytest.fixture
def triton(checkout: Path) -> Iterator[dict[str, str]]:
    """The embedded Triton, started as the README does."""
    state = json.loads(succeeded(checkout, "triton", "up", "--json"))
    yield {"url": f"127.0.0.1:{state['grpc']}", "repository": state["repository"]}
    succeeded(checkout, "triton", "down")


@contextmanager
def console_on(directory: Path, agent: Path, triton: dict[str, str], *more: str) -> Iterator[None]:
    """An engine of its own on the Triton that is up, with the agent opened."""
    arguments = ("--agent", str(agent), "--triton", triton["url"], "--no-run", *more)
    with serving(directory, *arguments):
        yield


def session(watch: Watch) -> Session:
    payload = watch.latest["session"]
    assert isinstance(payload, Session)
    return payload


async def ready(watch: Watch) -> Session:
    await watch.until(
        lambda w: (
            "session" in w.latest
            and session(w).phase == "ready"
            and session(w).plan is not None
            and session(w).profile is not None
        )
    )
    return session(watch)


def layouts(plan: Plan | None) -> list[str]:
    assert plan is not None
    return [plan.nodes[node].layout for node in (SUMMARY, VERDICT)]


async def test_what_a_script_pushed_is_live_in_the_console_and_stays_so_when_it_pushes(
    checkout: Path, triton: dict[str, str]
) -> None:
    succeeded(checkout, "push", "plan.yaml")
    with console_on(checkout.parent, checkout / "reader.py", triton):
        async with watching(checkout.parent) as watch:
            shown = await ready(watch)
            await watch.client.request(EditNode(node=SUMMARY, base_revision=1, priority=80))
            report: PushReport = await watch.client.request(Push(base_revision=1))
            revisions: tuple[Revision, ...] = await watch.client.request(ListRevisions())
    assert (shown.revision, layouts(shown.plan)) == (1, ["source", PUSHED_LAYOUT])
    assert [(change.place, change.key) for change in report.diff.changes] == [
        (SUMMARY, "retention")
    ]
    assert layouts(revisions[-1].plan) == ["source", PUSHED_LAYOUT]


async def test_another_checkout_with_unrelated_edits_shows_the_same_plan_as_live(
    checkout: Path, triton: dict[str, str]
) -> None:
    succeeded(checkout, "push", "plan.yaml")
    other = checkout.parent / "other" / "agents"
    other.mkdir(parents=True)
    source = write_agent(other)
    source.write_text(f"# moved here\nimport os\n{source.read_text()}\n\nLATER = os.sep\n")
    with console_on(checkout.parent, source, triton):
        async with watching(checkout.parent) as watch:
            shown = await ready(watch)
    assert (shown.revision, layouts(shown.plan)) == (1, ["source", PUSHED_LAYOUT])
    assert shown.plan is not None and shown.plan.agent == str(source)


async def test_under_composes_paths_the_plan_is_read_from_the_repository_itself(
    checkout: Path, triton: dict[str, str]
) -> None:
    """In the container the repository is /models and the agent lies below /agents; the deployment
    is the same one, and so is its journal."""
    succeeded(checkout, "push", "plan.yaml")
    container = checkout.parent / "container"
    agents = container / "agents"
    agents.mkdir(parents=True)
    (container / "models").symlink_to(triton["repository"])
    repository = ("--repository", str(container / "models"))
    with console_on(checkout.parent, write_agent(agents), triton, *repository):
        async with watching(checkout.parent) as watch:
            shown = await ready(watch)
            base = shown.revision
            await watch.client.request(EditNode(node=SUMMARY, base_revision=base, priority=80))
            report: PushReport = await watch.client.request(Push(base_revision=base))
    assert layouts(shown.plan) == ["source", PUSHED_LAYOUT]
    assert [(change.place, change.key) for change in report.diff.changes] == [
        (SUMMARY, "retention")
    ]
    assert report.revision == 2
    succeeded(checkout, "push", "plan.yaml")
    numbers = [item["number"] for item in json.loads(succeeded(checkout, "history", "--json"))]
    assert numbers == [3, 2, 1, 0]


async def test_a_push_from_a_script_shows_in_the_console_by_itself(
    checkout: Path, triton: dict[str, str]
) -> None:
    with console_on(checkout.parent, checkout / "reader.py", triton):
        async with watching(checkout.parent) as watch:
            assert (await ready(watch)).revision == 0
            succeeded(checkout, "push", "plan.yaml")
            await watch.until(lambda w: session(w).revision == 1, seconds=20)
            shown = session(watch)
            await watch.until(
                lambda w: any("revision 1 was made live from elsewhere" in e.text for e in w.events)
            )
    assert layouts(shown.plan) == ["source", PUSHED_LAYOUT]


async def test_a_push_from_a_script_makes_what_the_console_edits_stale(
    checkout: Path, triton: dict[str, str]
) -> None:
    with console_on(checkout.parent, checkout / "reader.py", triton):
        async with watching(checkout.parent) as watch:
            before = (await ready(watch)).revision
            succeeded(checkout, "push", "plan.yaml")
            with pytest.raises(RequestFailed, match="revision 1 is live by now"):
                await watch.client.request(
                    EditNode(node=SUMMARY, base_revision=before, priority=80)
                )
            await watch.until(lambda w: session(w).revision == 1)
            shown = session(watch)
    assert before == 0
    assert layouts(shown.plan) == ["source", PUSHED_LAYOUT]


def other_agent(directory: Path) -> Path:
    """Another agent beside the first, with other calls."""
    path = directory / "writer.py"
    text = (directory / "reader.py").read_text()
    path.write_text(text.replace("class Reader", "class Writer").replace("You read", "You write"))
    shutil.copy(directory / "reader.inputs.jsonl", directory / "writer.inputs.jsonl")
    return path


def test_a_plan_is_refused_for_another_agents_source_with_both_names(
    checkout: Path,
) -> None:
    other_agent(checkout)
    refused = charter(checkout, "push", "plan.yaml", "--agent", "writer.py")
    assert refused.returncode == 2
    assert "for agent reader (reader.py), not for writer (writer.py)" in refused.stderr


async def test_a_plan_is_not_pushed_over_another_agents_unless_forced(
    checkout: Path, triton: dict[str, str]
) -> None:
    succeeded(checkout, "push", "plan.yaml")
    other = other_agent(checkout)
    succeeded(checkout, "plan", "writer.py", "-o", "writer.yaml")
    for more in ((), ("--dry-run",)):
        refused = charter(checkout, "push", "writer.yaml", *more)
        assert refused.returncode == 3
        assert "live for agent reader (reader.py); this plan is for writer" in refused.stderr
    with console_on(checkout.parent, other, triton):
        async with watching(checkout.parent) as watch:
            base = (await ready(watch)).revision
            await watch.client.request(
                EditNode(node="Writer.read:summary", base_revision=base, priority=80)
            )
            with pytest.raises(RequestFailed, match="live for agent reader"):
                await watch.client.request(Push(base_revision=base))
            with pytest.raises(RequestFailed, match=r"for agent reader .*, not for writer"):
                await watch.client.request(
                    LoadPlan(path=str(checkout / "plan.yaml"), base_revision=base)
                )
            await watch.client.request(OpenAgent(path=str(checkout / "reader.py")))
            assert layouts((await ready(watch)).plan) == ["source", PUSHED_LAYOUT]
    succeeded(checkout, "push", "writer.yaml", "--force")


def test_changed_and_added_calls_are_listed_in_the_diff(
    checkout: Path, triton: dict[str, str]
) -> None:
    succeeded(checkout, "push", "plan.yaml")
    source = checkout / "reader.py"
    added = (
        "        title = self.client.generate(\n"
        '            f"{self.SYSTEM}\\n\\nNote:\\n{note}\\n\\nTitle:", max_tokens=8\n'
        "        )\n"
    )
    text = source.read_text().replace("Verdict:", "Your verdict:")
    source.write_text(
        text.replace("        return summary", f"{added}        return title, summary")
    )
    diff = msgspec.json.decode(
        succeeded(checkout, "push", "plan.yaml", "--dry-run", "--json"), type=Diff
    )
    assert [(change.place, change.key, change.new) for change in diff.changes] == [
        ("Reader.read:title", "call", "added"),
        (VERDICT, "call", "changed text"),
    ]
    assert diff.cost == "plan reload"


def test_a_plan_for_a_call_that_is_gone_is_refused_with_every_difference(
    checkout: Path,
) -> None:
    source = checkout / "reader.py"
    source.write_text(source.read_text().replace("verdict", "ruling"))
    refused = charter(checkout, "push", "plan.yaml")
    assert refused.returncode == 2
    assert f"the agent has no call {VERDICT}" in refused.stderr
    assert "Reader.read:ruling: added" in refused.stderr
    assert f"{VERDICT}: removed" in refused.stderr


def test_a_plan_without_identity_is_still_pushed(checkout: Path, triton: dict[str, str]) -> None:
    plan = checkout / "plan.yaml"
    kept = plan.read_text().partition("identity:")[0]
    plan.write_text(kept)
    succeeded(checkout, "push", "plan.yaml")
    diff = msgspec.json.decode(
        succeeded(checkout, "push", "plan.yaml", "--dry-run", "--json"), type=Diff
    )
    assert diff == Diff(base_revision=1)
