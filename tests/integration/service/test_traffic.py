"""What programs send through a given deployment, seen by an engine that watches it."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec
import openai
import pytest

from charter_engine.contracts.commands import (
    EditNode,
    ExplainMiss,
    ListMisses,
    ListPassed,
    Push,
    StartRecording,
    StartRun,
    StopRecording,
)
from charter_engine.contracts.explaining import MissReport, MissResult
from charter_engine.contracts.gauges import Nodes, Run
from charter_engine.contracts.live import NodeStats
from charter_engine.contracts.traffic import PassedRequests, TrafficRecord, TrafficSummary
from charter_engine.store.recording_reader import RecordingReader
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import GenerateRequest
from tests.integration.service.engines import (
    NOTES,
    Watch,
    environment,
    serving,
    session,
    watching,
    write_agent,
)
from tests.integration.service.test_identity import charter, succeeded
from tests.waiting import until_found

SUMMARY = "Reader.read:summary"
SYSTEM = "You read notes with great care, and you answer in one line. " * 8
STRANGER = "Nobody planned this prompt."


def prompt(note: str) -> str:
    """What the agent's first call sends."""
    return f"{SYSTEM}\n\nNote:\n{note}\n\nSummary:"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("watched") / "checkout"
    directory.mkdir()
    write_agent(directory)
    succeeded(directory, "plan", "reader.py", "-o", "plan.yaml")
    return directory


@pytest.fixture(scope="module")
def url(checkout: Path) -> Iterator[str]:
    """A Triton that somebody else runs, with the agent's plan live."""
    state = json.loads(succeeded(checkout, "triton", "up", "--json"))
    succeeded(checkout, "push", "plan.yaml")
    yield f"127.0.0.1:{state['grpc']}"
    succeeded(checkout, "triton", "down")


@contextmanager
def engine_on(checkout: Path, url: str, *arguments: str) -> Iterator[None]:
    agent = str(checkout / "reader.py")
    with serving(checkout.parent, "--agent", agent, "--triton", url, *arguments):
        yield


async def send(url: str, *prompts: str) -> None:
    async with TritonClient(url) as client:
        for text in prompts:
            await client.generate(GenerateRequest(text=text, max_tokens=2))


def summary_node(watch: Watch) -> NodeStats:
    """What the run and what others sent of it, together."""
    nodes = watch.latest.get("nodes")
    found = (*nodes.nodes, *nodes.traffic) if isinstance(nodes, Nodes) else ()
    own = [node for node in found if node.node == SUMMARY]
    return NodeStats(node=SUMMARY, requests=sum(node.requests for node in own))


def texts(watch: Watch) -> list[str]:
    return [event.text for event in watch.events if event.kind == "request"]


def is_ready(watch: Watch) -> bool:
    return session(watch).phase == "ready" and session(watch).profile is not None


async def test_traffic_reaches_the_nodes_the_events_and_the_recording(
    checkout: Path, url: str, tmp_path: Path
) -> None:
    path = tmp_path / "traffic.charter"
    await send(url, *map(prompt, NOTES))
    with engine_on(checkout, url):
        async with watching(checkout.parent) as watch:
            await watch.until(lambda w: summary_node(w).requests == len(NOTES))
            await watch.client.request(StartRecording(path=str(path)))
            await send(url, prompt("One more."), STRANGER)
            await watch.until(lambda w: any("unmatched" in text for text in texts(w)))
            await watch.until(lambda w: summary_node(w).requests == len(NOTES) + 1)
            await watch.client.request(StopRecording())
            shown = watch.latest["run"]
    assert isinstance(shown, Run) and shown.progress.state == "none"
    assert "3 requests had passed before" in texts(watch)
    assert any(text.startswith("as written, ") for text in texts(watch))
    requests = list(RecordingReader(path).requests())
    assert [(item.node, item.source) for item in requests] == [(SUMMARY, "other"), ("", "other")]


async def test_what_programs_send_by_the_engines_gateway_is_seen_by_node(
    checkout: Path, url: str
) -> None:
    def address(watch: Watch) -> str:
        said = (event.text for event in watch.events if "the gateway listens" in event.text)
        return next(said, "").partition("listens on ")[2]

    await send(url, prompt(NOTES[0]))
    with engine_on(checkout, url, "--gateway", "127.0.0.1:0"):
        async with watching(checkout.parent) as watch:
            await watch.until(address)
            await watch.until(lambda w: any("had passed before" in text for text in texts(w)))
            async with openai.AsyncOpenAI(base_url=address(watch), api_key="none") as client:
                await client.completions.create(model="any", prompt=prompt("By gateway."))
            await watch.until(lambda w: any("as written, " in text for text in texts(w)))


async def test_why_a_request_missed_is_answered_to_a_console_and_looked_back_on(
    checkout: Path, url: str
) -> None:
    stamped = (f"It is 09:{minute}:00 here.\n{SYSTEM}" for minute in (12, 13))
    with engine_on(checkout, url):
        async with watching(checkout.parent) as watch:
            await watch.until(is_ready)
            since = time.time()
            await send(url, *stamped)
            passed = await until_found(
                partial(watch.client.request, ListPassed(last=2)),
                lambda passed: all(record.at >= since for record in passed.records),
            )
            result = await watch.client.request(ExplainMiss())
            report = await watch.client.request(ListMisses())
    assert isinstance(passed, PassedRequests) and len(passed.records) == 2
    assert isinstance(result, MissResult) and isinstance(report, MissReport)
    (told,) = result.explanations
    assert told.cause.kind == "time stamp" and told.divergence and told.divergence.words
    assert "time stamp" in [group.cause for group in report.causes]
    explained = succeeded(checkout, "explain", "--triton", url, "--since", "1h", "--json")
    assert json.loads(explained)["explanations"][0]["cause"]["kind"] == "time stamp"
    planned = succeeded(checkout, "plan", "--from-traffic", "1h", "--triton", url)
    assert "traffic of the last 3,600 s" in planned


async def test_what_passed_is_listed_by_node(checkout: Path, url: str) -> None:
    await send(url, prompt("Listed."), STRANGER)
    await asyncio.sleep(0.3)
    summary = msgspec.json.decode(
        succeeded(checkout, "traffic", "--triton", url, "--json"), type=TrafficSummary
    )
    known, unmatched = sorted(summary.nodes, key=lambda node: not node.node)
    assert (known.node, unmatched.unmatched) == (SUMMARY, "begins like no node's prompt")
    assert known.computed_tokens == known.prompt_tokens - (known.reused_tokens or 0)
    assert known.forms == {"as written": known.requests}
    listed = succeeded(checkout, "traffic")
    assert SUMMARY in listed
    assert "unmatched: begins like no node's prompt" in listed


async def test_written_records_are_a_workload(checkout: Path, url: str) -> None:
    await send(url, prompt("Written."))
    await asyncio.sleep(0.3)
    succeeded(checkout, "traffic", "--triton", url, "--output", "traffic.jsonl")
    prediction = json.loads(succeeded(checkout, "predict", "traffic.jsonl", "--json"))
    assert prediction
    again = charter(checkout, "traffic", "--triton", url, "--output", "traffic.jsonl")
    assert (again.returncode, "traffic.jsonl exists" in again.stderr) == (2, True)


async def test_what_passes_is_followed_until_interrupted(checkout: Path, url: str) -> None:
    await send(url, prompt("Before."))
    await asyncio.sleep(0.3)
    listed = succeeded(checkout, "traffic", "--triton", url, "--json")
    before = msgspec.json.decode(listed, type=TrafficSummary).requests
    following = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "charter_engine.cli", "traffic", "--triton", url),
        *("--follow", "--json"),
        stdout=subprocess.PIPE,
        cwd=checkout,
        env=environment(checkout.parent),
    )
    assert following.stdout is not None
    for _ in range(before):
        await following.stdout.readline()
    await send(url, STRANGER)
    passed = msgspec.json.decode(await following.stdout.readline(), type=TrafficRecord)
    following.send_signal(signal.SIGINT)
    assert (passed.unmatched, await following.wait()) == ("begins like no node's prompt", 130)


def test_where_nobody_listens_it_ends_as_unreachable(checkout: Path) -> None:
    ended = charter(checkout, "traffic", "--triton", "127.0.0.1:1")
    assert (ended.returncode, ended.stdout) == (3, "")


async def test_requests_of_a_run_are_counted_once(checkout: Path, url: str) -> None:
    with engine_on(checkout, url):
        async with watching(checkout.parent) as watch:
            await watch.until(is_ready)
            await watch.until(lambda w: summary_node(w).requests > 0)
            before = summary_node(watch).requests
            await watch.client.request(StartRun())
            await watch.until(
                lambda w: isinstance(run := w.latest["run"], Run) and run.progress.state == "done"
            )
            await send(url, prompt("After the run."))
            await watch.until(lambda w: summary_node(w).requests >= before + len(NOTES) + 1)
    assert summary_node(watch).requests == before + len(NOTES) + 1


async def test_a_push_begins_the_figures_anew(checkout: Path, url: str) -> None:
    with engine_on(checkout, url):
        async with watching(checkout.parent) as watch:
            await watch.until(is_ready)
            await watch.until(lambda w: summary_node(w).requests > 0)
            base = session(watch).revision
            await watch.client.request(EditNode(node=SUMMARY, base_revision=base, priority=60))
            await watch.client.request(Push(base_revision=base))
            await watch.until(lambda w: summary_node(w).requests == 0)
            await send(url, prompt("After the push."))
            await watch.until(lambda w: summary_node(w).requests > 0)
    assert summary_node(watch).requests == 1
