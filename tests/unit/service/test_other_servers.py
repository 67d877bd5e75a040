"""The engine on servers that are no Triton: what it tells, runs, sees pass, and refuses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
from msgspec import structs, to_builtins

from charter_engine.api.plan_files import plan_of
from charter_engine.contracts import commands
from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.answers import AnswersRequest
from charter_engine.contracts.contents import ContentsReport
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult
from charter_engine.contracts.gateway import GatewayRequest
from charter_engine.contracts.gauges import (
    Draft,
    Event,
    Gauge,
    Nodes,
    Run,
    Session,
    Ticked,
    Triton,
    WorkResults,
)
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import NodePlan
from charter_engine.contracts.server import KIND_IN_WORDS, ProfileRequest, ServerKind
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.traffic import PassedRequests
from charter_engine.embedded.ports import free_ports
from charter_engine.errors import CharterError
from charter_engine.plan.plan_file import dump
from charter_engine.service.engine import Engine
from charter_engine.service.hub import Hub
from charter_engine.service.options import EngineOptions
from tests.integration.service.engines import write_agent
from tests.stand_ins import (
    CountingServer,
    SglangStandIn,
    TrtllmServeStandIn,
    VllmStandIn,
    standing_in,
)

T = TypeVar("T")
POLLS = 2_000
SUMMARY, VERDICT = "Reader.read:summary", "Reader.read:verdict"
KINDS: list[tuple[type[CountingServer], ServerKind]] = [
    (VllmStandIn, "vllm"),
    (SglangStandIn, "sglang"),
    (TrtllmServeStandIn, "trtllm-serve"),
]


class Watched:
    """An engine, and all that it told."""

    def __init__(self, options: EngineOptions) -> None:
        hub = Hub()
        hub.taps.append(self._take)
        self.latest: dict[type, Any] = {}
        self.events: list[str] = []
        self.requests: list[RequestRecord] = []
        self.prompt_tokens = self.computed_tokens = 0
        self.engine = Engine(hub, options, lambda: None)

    def _take(self, message: Gauge | Event | RequestRecord) -> None:
        match message:
            case Gauge(payload=payload):
                self.latest[type(payload)] = payload
                if isinstance(payload, Ticked):
                    self.prompt_tokens += payload.tick.prompt_tokens
                    self.computed_tokens += payload.tick.computed_tokens
            case Event(text=text):
                self.events.append(text)
            case RequestRecord():
                self.requests.append(message)

    def last(self, kind: type[T]) -> T:
        found: T = self.latest[kind]
        return found

    async def until(self, holds: Callable[[], object]) -> None:
        for _ in range(POLLS):
            if holds():
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"not in time: {self.events}")

    async def ask(self, command: commands.Command, kind: type[T]) -> T:
        answer = await self.engine.handle(command)
        assert isinstance(answer, kind)
        return answer

    @property
    def has_agent(self) -> bool:
        return Session in self.latest and self.last(Session).compiled is not None

    @property
    def is_ready(self) -> bool:
        return self.has_agent and self.last(Session).server is not None

    @property
    def health(self) -> str:
        return self.last(Triton).sample.health if Triton in self.latest else ""


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))


@asynccontextmanager
async def engine_on(url: str, tmp_path: Path, **options: Any) -> AsyncIterator[Watched]:
    """An engine on the server at the URL, with a small agent open."""
    watched = Watched(
        replace(
            EngineOptions(
                server=ProfileRequest(address=url),
                agent=write_agent(tmp_path),
                database=tmp_path / "charter.db",
                run_at_start=False,
            ),
            **options,
        )
    )
    await watched.engine.start()
    try:
        yield watched
    finally:
        await watched.engine.stop()


@asynccontextmanager
async def gateway_before(
    url: str, tmp_path: Path
) -> AsyncIterator[tuple[Watched, openai.AsyncOpenAI]]:
    """An engine with its gateway open, and a client of that."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    request = GatewayRequest(listen=address, any_model=True)
    async with engine_on(url, tmp_path, gateway=request) as watched:
        await watched.until(lambda: any(address in event for event in watched.events))
        async with openai.AsyncOpenAI(base_url=f"http://{address}/v1", api_key="-") as client:
            yield watched, client


def prompt(note: str) -> str:
    """What the agent's first call sends."""
    system = "You read notes with great care, and you answer in one line. " * 8
    return f"{system}\n\nNote:\n{note}\n\nSummary:"


async def drafted(watched: Watched, tmp_path: Path) -> None:
    """A draft that lays the first call's prompt out the other way round, also for programs."""
    session = watched.last(Session)
    assert session.plan is not None
    assert session.compiled is not None
    segments = len(session.compiled.calls[0].segments)
    order = tuple(reversed(range(segments)))
    turned = NodePlan(layout="prefix-first", apply="traffic", order=order)
    await drafted_as(watched, tmp_path, nodes={**session.plan.nodes, SUMMARY: turned})


async def drafted_as(watched: Watched, tmp_path: Path, **changes: Any) -> None:
    """A draft that differs from the plan as written by these changes."""
    written = watched.last(Session).plan
    assert written is not None
    plan = structs.replace(written, **changes)
    path = tmp_path / "plan.yaml"
    path.write_text(dump(to_builtins(plan)))
    await watched.engine.handle(commands.LoadPlan(path=str(path), base_revision=0))


@pytest.mark.parametrize(("stand_in", "kind"), KINDS)
async def test_it_tells_what_the_server_is_and_samples_its_pool(
    stand_in: type[CountingServer], kind: ServerKind, tmp_path: Path
) -> None:
    async with standing_in(stand_in()) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        server = watched.last(Session).server
        assert server is not None
        assert (server.kind, server.tokens_per_block) == (kind, 16)
        pool = watched.last(Triton).sample.kv_pool
        assert pool is not None
        assert (pool.max_blocks, pool.tokens_per_block) == (512, 16)


@pytest.mark.parametrize(("stand_in", "kind"), KINDS)
async def test_a_run_goes_by_the_servers_own_protocol_and_counts_what_it_says(
    stand_in: type[CountingServer], kind: ServerKind, tmp_path: Path
) -> None:
    server = stand_in()
    async with standing_in(server) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        assert not server.bodies
        await watched.engine.handle(commands.StartRun())
        await watched.until(lambda: watched.last(Run).progress.state == "done")
        totals = watched.last(Nodes).nodes
    assert [node.requests for node in totals] == [3, 3]
    assert sum(node.prompt_tokens for node in totals) == server.prompt_tokens
    assert sum(node.reused_tokens for node in totals) == server.cached_tokens > 0
    assert kind


async def test_a_run_on_a_server_that_tells_no_cached_tokens_has_no_hit_rate(
    tmp_path: Path,
) -> None:
    silent = VllmStandIn(tells_cached=False)
    async with standing_in(silent) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        await watched.engine.handle(commands.StartRun())
        await watched.until(lambda: watched.last(Run).progress.state == "done")
        await watched.until(
            lambda: any("--enable-prompt-tokens-details" in event for event in watched.events)
        )
    assert {record.reused_tokens for record in watched.requests} == {None}
    assert {node.told_tokens for node in watched.last(Nodes).nodes} == {0}


async def test_what_programs_send_through_the_gateway_is_seen_told_apart_and_explained(
    tmp_path: Path,
) -> None:
    async with (
        standing_in(VllmStandIn()) as url,
        gateway_before(url, tmp_path) as (watched, client),
    ):
        await watched.until(lambda: watched.is_ready)
        for note in ("The bridge opens at six.", "Three boxes are missing."):
            await client.completions.create(model="m", prompt=prompt(note), max_tokens=8)
        await watched.until(lambda: watched.last(Nodes).traffic[0].requests == 2)
        passed = await watched.ask(commands.ListPassed(), PassedRequests)
        misses = await watched.ask(commands.ListMisses(), MissReport)
        explained = await watched.ask(
            commands.ExplainMiss(query=MissQuery(last=1, with_text=True)), MissResult
        )
        contents = await watched.ask(commands.ShowCache(), ContentsReport)
        sessions = await watched.engine.handle(commands.ListSessions())
        advice = await watched.ask(commands.Diagnose(), DoctorReport)
    first, second = passed.records
    assert (first.node, first.source, first.reused_tokens) == (SUMMARY, "gateway", 0)
    assert second.reused_tokens
    assert misses.requests == 2
    (explanation,) = explained.explanations
    assert explanation.cause.kind != "other text" or explanation.cause.evidence
    assert contents.tokens_per_block == 16
    assert isinstance(sessions, tuple)
    assert isinstance(sessions[0], SessionTraffic)
    assert any("--kv-events-config" in one.remedy for one in advice.findings)


async def test_the_draft_is_saved_as_it_stands(tmp_path: Path) -> None:
    async with standing_in(VllmStandIn()) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        await drafted(watched, tmp_path)
        await watched.engine.handle(commands.SavePlan(path=str(tmp_path / "saved.yaml")))
        assert plan_of(tmp_path / "saved.yaml") == watched.last(Draft).plan


async def test_a_pushed_layout_applies_to_what_passes_and_is_taken_back(tmp_path: Path) -> None:
    server = VllmStandIn()
    async with standing_in(server) as url, gateway_before(url, tmp_path) as (watched, client):
        await watched.until(lambda: watched.is_ready)
        await drafted(watched, tmp_path)
        pushed = await watched.ask(commands.Push(base_revision=0), PushReport)
        await client.completions.create(model="m", prompt=prompt("Rain."), max_tokens=8)
        laid_out = server.bodies[-1]["prompt"]
        back = await watched.ask(commands.Rollback(base_revision=1), PushReport)
        await client.completions.create(model="m", prompt=prompt("Rain."), max_tokens=8)
    assert (pushed.revision, back.revision) == (1, 2)
    assert "in this engine alone" in pushed.message
    assert sorted(laid_out) == sorted(prompt("Rain."))
    assert server.bodies[-1]["prompt"] == prompt("Rain.")


@pytest.mark.parametrize(("stand_in", "kind"), KINDS)
async def test_answers_as_written_and_as_drafted_are_compared_on_it(
    stand_in: type[CountingServer], kind: ServerKind, tmp_path: Path
) -> None:
    async with standing_in(stand_in()) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        await drafted(watched, tmp_path)
        few = AnswersRequest(agent="", iterations=1, max_tokens=4)
        await watched.engine.handle(commands.CompareAnswers(request=few))
        await watched.until(lambda: watched.last(WorkResults).answers is not None)
        report = watched.last(WorkResults).answers
    assert report is not None
    assert (report.complete, report.failures) == (True, 0)
    assert [node.node for node in report.nodes] == [SUMMARY, VERDICT]
    assert KIND_IN_WORDS[kind] in report.target


async def test_a_layout_is_previewed_by_what_passed_the_gateway_and_else_by_the_inputs(
    tmp_path: Path,
) -> None:
    async with (
        standing_in(VllmStandIn()) as url,
        gateway_before(url, tmp_path) as (watched, client),
    ):
        await watched.until(lambda: watched.is_ready)
        await drafted(watched, tmp_path)
        before = await watched.ask(commands.PreviewLayouts(), LayoutPreview)
        await client.completions.create(model="m", prompt=prompt("Rain."), max_tokens=8)
        await client.completions.create(model="m", prompt="Something else.", max_tokens=8)
        await watched.until(lambda: watched.last(Nodes).traffic[0].requests == 1)
        after = await watched.ask(commands.PreviewLayouts(), LayoutPreview)
    assert before.source == "the agent's inputs"
    assert (after.source, after.requests) == ("recorded traffic", 2)
    assert (after.matched, after.laid_out) == (1, 1)
    (example,) = after.examples
    assert (example.node, example.before) == (SUMMARY, prompt("Rain."))
    assert sorted(example.after) == sorted(example.before)


async def test_what_passes_beside_the_gateway_is_in_the_ticks_by_the_servers_own_counters(
    tmp_path: Path,
) -> None:
    server = VllmStandIn()
    async with standing_in(server) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="-") as client:
            for note in ("Rain.", "Rain."):
                await client.completions.create(model="m", prompt=prompt(note), max_tokens=8)
        await watched.until(lambda: watched.prompt_tokens == server.prompt_tokens)
    assert watched.computed_tokens == server.prompt_tokens - server.cached_tokens
    assert 0 < watched.computed_tokens < watched.prompt_tokens


async def test_a_session_that_ends_is_released_where_the_plan_says_so(tmp_path: Path) -> None:
    server = TrtllmServeStandIn()
    async with standing_in(server) as url, gateway_before(url, tmp_path) as (watched, client):
        await watched.until(lambda: watched.is_ready)
        await drafted_as(watched, tmp_path, release="session-end")
        await watched.ask(commands.Push(base_revision=0), PushReport)
        for note, final in (("Rain.", "false"), ("Rain. Wind.", "true")):
            headers = {"X-Session-Id": "s", "X-Dynamo-Session-Final": final}
            await client.completions.create(
                model="m", prompt=prompt(note), max_tokens=8, extra_headers=headers
            )
        await watched.until(lambda: server.released)
    assert server.released[-1][1] == 0


async def test_a_release_is_refused_on_a_server_that_cannot_forget(tmp_path: Path) -> None:
    async with (
        standing_in(VllmStandIn()) as url,
        gateway_before(url, tmp_path) as (watched, _),
    ):
        await watched.until(lambda: watched.is_ready)
        await drafted_as(watched, tmp_path, release="session-end")
        with pytest.raises(CharterError, match="nothing drops one prefix"):
            await watched.engine.handle(commands.Push(base_revision=0))


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (commands.EditServer(key="tokens_per_block", value="64", base_revision=0), "--block-size"),
        (commands.EditNode(node=SUMMARY, priority=90, base_revision=0), "vLLM has none"),
        (commands.EditNode(node=SUMMARY, apply="traffic", base_revision=0), "--gateway"),
    ],
)
async def test_what_cannot_be_pushed_is_refused_with_the_reason(
    edit: commands.Command, why: str, tmp_path: Path
) -> None:
    async with standing_in(VllmStandIn()) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        await watched.engine.handle(edit)
        with pytest.raises(CharterError, match=why):
            await watched.engine.handle(commands.Push(base_revision=0))
        assert watched.last(Session).revision == 0


async def test_a_trial_is_refused_where_nobody_tells_its_arms_apart(tmp_path: Path) -> None:
    async with (
        standing_in(VllmStandIn()) as url,
        gateway_before(url, tmp_path) as (watched, _),
    ):
        await watched.until(lambda: watched.is_ready)
        await drafted(watched, tmp_path)
        with pytest.raises(CharterError, match="arms of a trial"):
            await watched.engine.handle(commands.TryDraft(share=0.5, base_revision=0))


async def test_a_server_that_is_down_at_first_is_worked_on_once_it_answers(tmp_path: Path) -> None:
    server = VllmStandIn(key="k")
    async with standing_in(server) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.health == "unreachable" and watched.has_agent)
        assert "--key" in watched.last(Triton).sample.reason
        with pytest.raises(CharterError, match="is unreachable"):
            await watched.engine.handle(commands.StartRun())
        server.key = ""
        await watched.until(lambda: watched.is_ready)


async def test_a_server_that_dies_midway_is_told_and_its_last_profile_stays(
    tmp_path: Path,
) -> None:
    async with standing_in(VllmStandIn()) as url:
        context = engine_on(url, tmp_path)
        watched = await context.__aenter__()
        await watched.until(lambda: watched.is_ready)
    await watched.until(lambda: watched.health == "unreachable")
    assert watched.last(Session).phase.endswith("is unreachable")
    assert watched.last(Session).server is not None
    await context.__aexit__(None, None, None)


async def test_without_its_tokenizer_a_run_is_refused_and_says_what_to_give(
    tmp_path: Path,
) -> None:
    server = VllmStandIn(root="/models/elsewhere")
    async with standing_in(server) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        with pytest.raises(CharterError, match="--tokenizer FILE"):
            await watched.engine.handle(commands.StartRun())


async def test_the_canary_asks_it_too(tmp_path: Path) -> None:
    server = VllmStandIn()
    async with standing_in(server) as url, engine_on(url, tmp_path) as watched:
        await watched.until(lambda: watched.is_ready)
        await watched.engine.handle(commands.StartCanary(every_seconds=60.0))
        await watched.until(lambda: len(server.bodies) > 2)
        await watched.engine.handle(commands.StopCanary())
