"""What `charter_bls` tells of the requests it served, on a real Triton."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from charter_engine.api import planning
from charter_engine.api.agents import open_agent
from charter_engine.api.explaining import explained
from charter_engine.api.traffic import DeploymentTap
from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.bls.continuing import UNKNOWN_CALL
from charter_engine.bls.laying import IN_CONTROL
from charter_engine.bls.plan import OWN_RUNS
from charter_engine.bls.ring import PREFIX
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.explaining import MissQuery
from charter_engine.contracts.plan import Plan, ServerSettings
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.executor.totals import NodeTotals
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.servers.deployment import Deployment
from charter_engine.service.hub import Hub
from charter_engine.service.run_manager import RunManager
from charter_engine.service.tapping import Tapping
from charter_engine.traffic.workload import workload_of
from charter_engine.triton.client import TritonClient
from charter_engine.triton.errors import TritonError, TritonRefused
from charter_engine.triton.request import BLS_MODEL, GenerateRequest
from charter_engine.triton.tap import TAP, TapReader
from examples.agents.document_processor import DocumentProcessor
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import CALLS, NODE, PROMPT, deployer, plan_with
from tests.waiting import until_found

AGENT = Path(__file__).parents[3] / "examples" / "agents" / "document_processor.py"
TURNS = 4
DOCUMENTS = ("The harbour closes at noon. " * 12, "Ms Vale met Mr Orr in Bern. " * 9)


@pytest.fixture(scope="module")
def tapped(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("tapped"))


@pytest.fixture(scope="module")
def twofold(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    """A server with two instances of `charter_bls`, each a process of its own."""
    repository = write_embedded_repository(tmp_path_factory.mktemp("twofold") / "models")
    config = repository / BLS_MODEL / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 1", "count: 2"))
    server = EmbeddedTriton(repository)
    asyncio.run(server.start())
    yield Served(server, repository)
    asyncio.run(server.stop())


class Client:
    """What the example agent is given: Triton's own `generate` endpoint, and no word of Charter."""

    def __init__(self, url: str) -> None:
        self._url = url

    def generate(self, prompt: str, max_tokens: int) -> str:
        body = json.dumps({"text_input": prompt, "max_tokens": min(max_tokens, 20)}).encode()
        with urllib.request.urlopen(self._url, body, timeout=60) as answer:
            return str(json.load(answer)["text_output"])


class Asked:
    """Keeps the agent's first two prompts."""

    class Enough(Exception):
        """No more is asked."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def generate(self, prompt: str, max_tokens: int) -> str:
        self.prompts.append(prompt)
        if len(self.prompts) == 2:
            raise self.Enough
        return "Nobody."


@pytest.fixture(scope="module")
def layouts() -> Plan:
    """The agent's own plan, apart from what would rebuild the engine."""
    plan = planning.plan(PlanRequest(agent=str(AGENT))).derivation.plan
    return replace(plan, server=ServerSettings())


async def passed(served: Served, plan: Plan) -> list[TrafficRecord]:
    """Push the agent's plan and run the unchanged agent; what the tap tells of it."""
    calls = (await asyncio.to_thread(open_agent, AGENT)).compiled.calls
    async with TritonClient(served.state.connection) as client:
        await deployer(client, served.repository).push(plan, calls, force=True)
        reader = await newest(client)
        url = f"http://127.0.0.1:{served.state.http}/v2/models/{BLS_MODEL}/generate"
        agent = DocumentProcessor(Client(url))
        for document in DOCUMENTS:
            await asyncio.to_thread(agent.process, document)
        return await settled(reader, len(plan.nodes) * len(DOCUMENTS))


async def conversed(client: TritonClient, first: int, more: int) -> list[TrafficRecord]:
    """A conversation by a program that sends its own answers back, token by token, each with so
    many tokens more; what the tap tells of it."""
    reader = await newest(client)
    prompt = list(range(first, first + 88))
    for turn in range(TURNS):
        answer = await client.generate(GenerateRequest(token_ids=tuple(prompt), max_tokens=40))
        prompt += [*answer.output_ids, *range(900 + turn, 900 + turn + more)]
    return await settled(reader, TURNS)


@pytest.fixture(scope="module")
def decoupled(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("decoupled"), decoupled=True)


async def settled(reader: TapReader, count: int) -> list[TrafficRecord]:
    """The next `count` records; one is written just after its answer is sent."""
    records: list[TrafficRecord] = []
    async with asyncio.timeout(60):
        while len(records) < count:
            records += (await reader.drain()).records
            await asyncio.sleep(0.05)
    return records


async def newest(client: TritonClient) -> TapReader:
    """A reader that has read everything there is."""
    await asyncio.sleep(0.2)
    reader = TapReader(client)
    await reader.drain()
    return reader


async def test_conversations_that_go_on_from_their_answers_are_predicted_as_measured(
    tapped: Served,
) -> None:
    async with TritonClient(tapped.state.connection) as client:
        in_whole_grains = await conversed(client, 0, more=24)
        others = await conversed(client, 500, more=17)
    assert predicted(in_whole_grains) == measured(in_whole_grains)
    pairs = zip(measured(others), predicted(others), strict=True)
    assert all(0 <= told - expected < GRAIN_TOKENS for told, expected in pairs)
    assert all((*measured(in_whole_grains)[1:], *measured(others)[1:]))


def measured(records: list[TrafficRecord]) -> list[int]:
    """The tokens that each request reused."""
    return [record.reused_tokens or 0 for record in records]


def predicted(records: list[TrafficRecord]) -> list[int]:
    """The tokens that each request is predicted to reuse."""
    pool = PoolSettings(gpu_blocks=2_000, tokens_per_block=32)
    reused: list[int] = Predictor(workload_of(records)).simulate(pool).reused_tokens.tolist()
    return reused


async def test_a_record_tells_what_a_request_took_and_none_of_its_text(tapped: Served) -> None:
    async with TritonClient(tapped.state.connection) as client:
        reader = await newest(client)
        answer = await client.generate(
            GenerateRequest(text="Tell nobody about Rosalind.", max_tokens=5, session="s-1")
        )
        (record,) = await settled(reader, 1)
    assert (record.session, record.node, record.finish) == ("s-1", "", "length")
    assert (record.prompt_tokens, record.output_tokens) == (answer.prompt_tokens, 5)
    assert record.reused_tokens == answer.reused_tokens
    assert record.ttft_ms is not None and record.total_ms is not None
    assert 0 < record.ttft_ms <= record.total_ms
    assert len(record.hashes) == 8 * -(-(record.prompt_tokens or 0) // 16)
    assert b"Rosalind" not in repr(record).encode()


async def test_a_model_that_streams_tells_of_its_requests_too(decoupled: Served) -> None:
    async with TritonClient(decoupled.state.connection) as client:
        reader = await newest(client)
        request = GenerateRequest(text="Tell a story.", max_tokens=6)
        pieces = [piece async for piece in client.stream(request)]
        (record,) = await settled(reader, 1)
    assert len(pieces) > 1
    assert (record.output_tokens, record.finish) == (6, "length")


async def test_a_refused_request_leaves_a_record_with_its_error(tapped: Served) -> None:
    async with TritonClient(tapped.state.connection) as client:
        reader = await newest(client)
        with pytest.raises(TritonError):
            await client.generate(GenerateRequest(text="", max_tokens=1))
        (record,) = await settled(reader, 1)
    assert (record.finish, record.error) == ("error", "the prompt is empty")


async def test_two_readers_get_the_same_and_one_that_stops_goes_on_where_it_was(
    tapped: Served,
) -> None:
    async with TritonClient(tapped.state.connection) as client:
        one, other = await newest(client), await newest(client)
        for number in range(4):
            await client.generate(GenerateRequest(text=f"Request {number}", max_tokens=1))
            if number < 2:
                assert len(await settled(one, 1)) == 1
        rest = await settled(one, 2)
        everything = await settled(other, 4)
    assert everything[2:] == rest
    assert [item.sequence for item in everything] == list(
        range(everything[0].sequence, everything[0].sequence + 4)
    )


async def test_a_cursor_nobody_gave_is_refused(tapped: Served) -> None:
    async with TritonClient(tapped.state.connection) as client:
        with pytest.raises(TritonRefused, match="is no cursor"):
            await TapReader(client, "yesterday").drain()


async def test_a_cursor_of_another_tap_begins_anew_and_says_so(tapped: Served) -> None:
    async with TritonClient(tapped.state.connection) as client:
        await client.generate(GenerateRequest(text="hello", max_tokens=1))
        await asyncio.sleep(0.2)
        batch = await TapReader(client, "0123456789abcdef:77").drain()
    assert batch.restarted and batch.records and batch.lost == 0


async def test_a_push_loses_no_record(tapped: Served) -> None:
    async with TritonClient(tapped.state.connection) as client:
        reader = await newest(client)
        await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))
        await deployer(client, tapped.repository).push(plan_with(71), CALLS)
        await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))
        before, after = await settled(reader, 2)
    assert (before.node, after.node) == ("", "Agent.run:summary")
    # The push itself asked for one token between them.
    assert after.sequence == before.sequence + 2
    assert after.revision > before.revision


async def test_every_prompt_of_the_unchanged_example_agent_is_attributed_after_its_plan_was_pushed(
    tapped: Served, layouts: Plan
) -> None:
    assert [node.layout for node in layouts.nodes.values()].count("append-only") == 2
    records = await passed(tapped, layouts)
    assert {record.unmatched for record in records} == {""}
    assert [record.node for record in records] == [*layouts.nodes] * len(DOCUMENTS)
    assert {record.form for record in records} == {"as written"}
    assert {record.layout_reason for record in records} == {OWN_RUNS}


async def test_an_unchanged_agent_is_laid_out_where_its_plan_says_so(
    tapped: Served, layouts: Plan
) -> None:
    nodes = {name: replace(node, apply="traffic") for name, node in layouts.nodes.items()}
    records = await passed(tapped, replace(layouts, nodes=nodes))
    assert {(record.laid_out, record.layout_reason) for record in records} == {(True, "")}
    assert len({record.trial_unit for record in records}) == len(DOCUMENTS)
    # A conversation's prompts hold what came before them: hardly any of it is computed again.
    continued = [record for record in records if record.node != next(iter(nodes))]
    reused = sum(record.reused_tokens or 0 for record in continued)
    assert reused > 0.85 * sum(record.prompt_tokens or 0 for record in continued)
    url = f"http://127.0.0.1:{tapped.state.metrics}/metrics"
    page = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    assert "charter_node_layouts_total{" in page and 'outcome="laid out"' in page


async def test_a_plan_that_changes_under_a_stream_leaves_the_stream_whole(
    decoupled: Served, layouts: Plan
) -> None:
    calls = (await asyncio.to_thread(open_agent, AGENT)).compiled.calls
    nodes = {name: replace(node, apply="traffic") for name, node in layouts.nodes.items()}
    plan = replace(layouts, nodes=nodes)
    asked = Asked()
    with pytest.raises(Asked.Enough):
        DocumentProcessor(asked).process(DOCUMENTS[0])
    extraction, validation = asked.prompts
    async with TritonClient(decoupled.state.connection) as client:
        pusher = deployer(client, decoupled.repository)
        await pusher.push(plan, calls, force=True)
        reader = await newest(client)
        stream = client.stream(GenerateRequest(text=extraction, max_tokens=40))
        first = await anext(stream)
        await pusher.set_share(0.5)
        rest = [piece async for piece in stream]
        await client.generate(GenerateRequest(text=validation, max_tokens=1))
        laid_out, goes_on = await settled(reader, 2)
    assert first and rest
    assert (laid_out.laid_out, laid_out.output_tokens, laid_out.error) == (True, 40, "")
    # The new instance of the model does not know the earlier call.
    assert goes_on.layout_reason in {UNKNOWN_CALL, IN_CONTROL}
    assert goes_on.revision > laid_out.revision


def stubs_with_a_tap(served: Served) -> list[psutil.Process]:
    """The processes that run instances of `charter_bls`."""
    server = psutil.Process(served.state.server)
    return [
        stub
        for stub in server.children(recursive=True)
        if any(PREFIX in found.path for found in stub.memory_maps())
    ]


async def test_instances_of_the_model_share_one_tap(twofold: Served) -> None:
    stubs = stubs_with_a_tap(twofold)
    assert len(stubs) == 2
    idle = [stub.num_threads() for stub in stubs]
    async with TritonClient(twofold.state.connection) as client:
        reader = await newest(client)
        requests = [
            GenerateRequest(text=f"Request {number}", max_tokens=1, session=str(number))
            for number in range(40)
        ]
        await asyncio.gather(*(client.generate(request) for request in requests))
        records = await settled(reader, 40)
        readers = [TapReader(client) for _ in range(8)]
        seen = [(await one.drain()).records[-40:] for one in readers]
    assert all(stub.num_threads() > before for stub, before in zip(stubs, idle, strict=True))
    assert sorted(record.session for record in records) == sorted(map(str, range(40)))
    assert [record.sequence for record in records] == list(
        range(records[0].sequence, records[0].sequence + 40)
    )
    assert all(item == tuple(records) for item in seen)


async def test_an_older_charter_bls_is_told_apart_and_a_push_brings_the_tap(tmp_path: Path) -> None:
    repository = write_embedded_repository(tmp_path / "models")
    config = repository / BLS_MODEL / "config.pbtxt"
    lines = [line for line in config.read_text().splitlines() if "charter_tap" not in line]
    config.write_text(
        "\n".join(lines).replace("true },\n]", "true }\n]").replace("] },\n]", "] }\n]")
    )
    async with (
        EmbeddedTriton(repository) as server,
        TritonClient(server.state.connection) as client,
    ):
        reader = TapReader(client)
        with pytest.raises(TritonRefused, match="of an older Charter") as refused:
            await reader.drain()
        await deployer(client, repository).push(plan_with(71), CALLS)
        await client.generate(GenerateRequest(text=PROMPT, max_tokens=1))
        (record,) = await settled(reader, 1)
    assert "push a plan" in refused.value.remedy
    assert record.node == "Agent.run:summary"


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_server_that_ends_leaves_no_memory_of_its_tap(tmp_path: Path, end: str) -> None:
    server = EmbeddedTriton(write_embedded_repository(tmp_path / "models"))
    state = await server.start()
    rings = f"{PREFIX}{state.server}_*"
    assert list(Path("/dev/shm").glob(rings))
    if end == "kill":
        os.kill(state.server, signal.SIGKILL)
    await server.stop()
    assert not list(Path("/dev/shm").glob(rings))


async def test_a_recent_prompt_is_told_with_its_answer_and_the_texts_that_are_asked_for(
    tapped: Served,
) -> None:
    text = "The pilot of the Alma comes on board at eleven."
    async with TritonClient(tapped.state.connection) as client:
        reader = await newest(client)
        await client.generate(GenerateRequest(text=text, max_tokens=3))
        (record,) = await settled(reader, 1)
        last = int.from_bytes(record.hashes[-8:], "little")
        prompt = await reader.prompt(last, [(0, record.prompt_tokens or 0)])
        unknown = await reader.prompt(1)
    assert prompt is not None and unknown is None
    assert prompt.prompt_tokens == record.prompt_tokens
    assert len(prompt.token_ids) == prompt.prompt_tokens + 3
    assert text in prompt.texts[0]


async def test_why_a_request_missed_is_told_of_the_live_deployment(tapped: Served) -> None:
    rules = "Every figure that is given has to be dated, and a source has to stand beside it. " * 4
    async with TritonClient(tapped.state.connection) as client:
        reader = await newest(client)
        for minute in (17, 18):
            stamped = f"Clock: 11:{minute}:05\n{rules}"
            await client.generate(GenerateRequest(text=stamped, max_tokens=1))
        records = await settled(reader, 2)
        result = await explained(TrafficBatch(records=tuple(records)), MissQuery(), None, reader)
    (told,) = result.explanations
    assert told.cause.kind == "time stamp" and "11:17:05" in told.cause.evidence
    assert told.parts.total == told.prompt_tokens == records[1].prompt_tokens
    assert told.parts.reused == records[1].reused_tokens
    assert told.parts.diverged > 0.8 * told.prompt_tokens


async def test_where_there_is_no_tap_the_metrics_page_tells_of_the_nodes(decoupled: Served) -> None:
    async with TritonClient(decoupled.state.connection) as client:
        report = await deployer(client, decoupled.repository).push(plan_with(72), CALLS, force=True)
        config = await client.config(BLS_MODEL)
        kept = [item for item in config.input if item.name != TAP]
        del config.input[:]
        config.input.extend(kept)
        await client.load(BLS_MODEL, config)
        for text in (PROMPT, PROMPT, "Nobody's words"):
            await client.generate(GenerateRequest(text=text, max_tokens=1))
    options = TritonOptions(
        url=decoupled.state.grpc_url,
        headers=decoupled.state.headers,
        metrics_url=decoupled.state.metrics_url,
    )
    deployment, running = Deployment(options), RunManager(Hub())
    running.traffic = NodeTotals([NODE])
    try:
        await deployment.start()
        await deployment.probe()
        tapping = Tapping(Hub(), DeploymentTap(deployment), running, lambda: report.revision)

        async def told() -> int:
            await deployment.sample()
            await tapping.drain()
            return sum(node.requests for node in running.traffic.stats())

        await until_found(told, lambda requests: requests == 4)
    finally:
        await deployment.close()
    matched, others = running.traffic.stats()
    assert (matched.node, matched.requests, matched.source) == (NODE, 2, "metrics page")
    # The push's own probe is on that page, too.
    assert (others.node, others.requests) == ("unmatched", 2)
