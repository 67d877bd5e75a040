"""Unchanged clients through the gateway to `charter_bls` on a real Triton."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anthropic
import openai
import pytest
from msgspec.structs import replace
from openai.types.chat import ChatCompletionMessageParam

from charter_engine.analysis.layout import candidate_layouts
from charter_engine.api.agents import open_agent
from charter_engine.api.drafting import default_plan
from charter_engine.api.gateway import listening
from charter_engine.api.program_runs import run_program
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.running import ProgramRequest
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.gateway.opening import model_gateway
from charter_engine.gateway.reached import LocatedTriton
from charter_engine.gateway.triton_backend import TritonBackend
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import BLS_MODEL
from charter_engine.triton.tap import TapReader
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import deployer

SYSTEM = "You summarise the minutes of a committee in one plain sentence. " * 8
HI: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": "The committee met on Tuesday."},
]
MODEL = BLS_MODEL


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    yield from serving(tmp_path_factory.mktemp("streaming"), decoupled=True)


class Opened:
    """A gateway in front of the server, and what can be seen behind it."""

    def __init__(self, address: str, triton: TritonClient) -> None:
        self.url = f"http://{address}"
        self.triton = triton
        self.tap = TapReader(triton)
        self.exchanges: list[GatewayExchange] = []
        self.openai = openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0)

    async def seen(self, count: int = 1) -> list[TrafficRecord]:
        """The next records of the tap, as soon as so many are there."""
        records: list[TrafficRecord] = []
        async with asyncio.timeout(60):
            while len(records) < count:
                records += (await self.tap.drain()).records
                await asyncio.sleep(0.02)
        return records


@pytest.fixture
async def gateway(streaming: Served) -> AsyncIterator[Opened]:
    options = TritonOptions(url=streaming.state.grpc_url)
    exchanges: list[GatewayExchange] = []
    request = GatewayRequest(listen="127.0.0.1:0")
    async with (
        TritonClient(streaming.state.connection) as triton,
        listening(request, [options], exchanges.append) as listener,
    ):
        opened = Opened(listener.address, triton)
        opened.exchanges = exchanges
        await opened.tap.drain()
        yield opened
        await opened.openai.close()


async def test_the_second_of_two_equal_chats_is_read_from_the_cache(gateway: Opened) -> None:
    answers = [
        await gateway.openai.chat.completions.create(
            model=MODEL, messages=HI, max_tokens=6, seed=3, temperature=0
        )
        for _ in range(2)
    ]
    first, second = answers
    assert first.choices[0].message.content == second.choices[0].message.content
    assert second.choices[0].finish_reason == "length"
    assert second.usage is not None
    assert second.usage.completion_tokens == 6
    assert second.usage.prompt_tokens_details is not None
    assert second.usage.prompt_tokens_details.cached_tokens == second.usage.prompt_tokens - 1


async def test_a_streamed_answer_comes_in_pieces_and_is_the_whole_one(gateway: Opened) -> None:
    whole = await gateway.openai.chat.completions.create(model=MODEL, messages=HI, max_tokens=6)
    stream = await gateway.openai.chat.completions.create(
        model=MODEL, messages=HI, max_tokens=6, stream=True
    )
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == whole.choices[0].message.content


async def test_the_other_apis_answer_alike(gateway: Opened) -> None:
    question = "The committee met on Tuesday."
    chat = await gateway.openai.chat.completions.create(model=MODEL, messages=HI, max_tokens=6)
    response = await gateway.openai.responses.create(
        model=MODEL, input=question, instructions=SYSTEM, max_output_tokens=6
    )
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="none") as claude:
        message = await claude.messages.create(
            model=MODEL,
            system=SYSTEM,
            messages=[{"role": "user", "content": question}],
            max_tokens=6,
        )
        counted = await claude.messages.count_tokens(
            model=MODEL, system=SYSTEM, messages=[{"role": "user", "content": question}]
        )
    said = chat.choices[0].message.content
    assert response.output_text == said
    assert message.content[0].type == "text"
    assert message.content[0].text == said
    assert chat.usage is not None
    assert counted.input_tokens == chat.usage.prompt_tokens


async def test_a_stop_word_ends_an_answer_and_is_not_shown(gateway: Opened) -> None:
    whole = await gateway.openai.completions.create(model=MODEL, prompt=SYSTEM, max_tokens=8)
    words = whole.choices[0].text.split(" ")
    stop = f" {words[4]}"
    cut = await gateway.openai.completions.create(
        model=MODEL, prompt=SYSTEM, max_tokens=8, stop=[stop]
    )
    assert cut.choices[0].text == whole.choices[0].text.partition(stop)[0]
    assert cut.choices[0].finish_reason == "stop"


async def test_session_and_request_id_reach_the_server(gateway: Opened) -> None:
    await gateway.openai.chat.completions.create(
        model=MODEL,
        messages=HI,
        max_tokens=2,
        extra_headers={"X-Session-Id": "s-7", "X-Request-Id": "r-7"},
    )
    (seen,) = await gateway.seen()
    record = gateway.exchanges[-1].record
    assert seen.session == record.session == "s-7"
    assert record.request_id == "r-7"
    assert (record.prompt_tokens, record.reused_tokens) == (seen.prompt_tokens, seen.reused_tokens)
    assert gateway.exchanges[-1].prompt.startswith(f"system: {SYSTEM}")


async def test_a_prompt_beyond_the_model_is_refused_and_nothing_is_sent(gateway: Opened) -> None:
    with pytest.raises(openai.BadRequestError, match="at most 8,191") as refused:
        await gateway.openai.completions.create(model=MODEL, prompt="many words " * 9000)
    assert refused.value.code == "context_length_exceeded"
    assert (await gateway.tap.drain()).records == ()


async def test_a_client_that_goes_away_stops_the_engines_work(gateway: Opened) -> None:
    stream = await gateway.openai.completions.create(
        model=MODEL, prompt=SYSTEM, max_tokens=4000, stream=True
    )
    await anext(aiter(stream))
    await stream.close()
    (seen,) = await gateway.seen()
    assert seen.finish == "cancelled"
    assert (seen.output_tokens or 0) < 4000


async def test_a_stream_goes_on_while_the_plan_is_loaded_anew(gateway: Opened) -> None:
    stream = await gateway.openai.completions.create(
        model=MODEL,
        prompt=SYSTEM,
        max_tokens=60,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = aiter(stream)
    await anext(chunks)
    await gateway.triton.load(BLS_MODEL)
    last = [chunk async for chunk in chunks][-1]
    assert last.usage is not None
    assert last.usage.completion_tokens == 60
    again = await gateway.openai.completions.create(model=MODEL, prompt=SYSTEM, max_tokens=2)
    assert again.choices[0].finish_reason == "length"


@pytest.fixture
async def moved(streaming: Served) -> AsyncIterator[str]:
    """The address of a gateway that reached its Triton where nobody listens any more."""
    name = streaming.state.name
    exchanges: list[GatewayExchange] = []
    request = GatewayRequest(listen="127.0.0.1:0")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host, port = free.getsockname()
        nobody = TritonClient(f"{host}:{port}")
    async with LocatedTriton(TritonOptions(name=name), None) as triton:
        await triton.client.close()
        triton.client = nobody
        backend = TritonBackend(triton)
        async with model_gateway(
            request, backend, lambda: triton.model, exchanges.append
        ) as opened:
            yield f"http://{opened.address}/v1"


@pytest.mark.parametrize("stream", [False, True])
async def test_requests_follow_an_embedded_triton_to_another_port(moved: str, stream: bool) -> None:
    async with openai.AsyncOpenAI(base_url=moved, api_key="none", max_retries=0) as client:
        answers = [
            client.completions.create(model=MODEL, prompt=SYSTEM, max_tokens=2, stream=stream)
            for _ in range(3)
        ]
        assert len(await asyncio.gather(*answers)) == 3


async def test_that_no_embedded_triton_is_up_is_told_until_one_is(
    moved: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with openai.AsyncOpenAI(base_url=moved, api_key="none", max_retries=0) as client:
        with monkeypatch.context() as nothing_runs:
            nothing_runs.setenv("CHARTER_STATE", str(tmp_path))
            with pytest.raises(openai.InternalServerError, match="no embedded Triton") as refused:
                await client.completions.create(model=MODEL, prompt=SYSTEM, max_tokens=2)
        assert refused.value.status_code == 503
        again = await client.completions.create(model=MODEL, prompt=SYSTEM, max_tokens=2)
        assert again.choices[0].finish_reason == "length"


AGENT = """
import openai

client = openai.OpenAI()


def sort(letter):
    answer = client.chat.completions.create(
        model="any",
        max_tokens=3,
        messages=[
            {"role": "system", "content": "You sort the letters of a town hall by subject."},
            {"role": "user", "content": f"The letter:\\n{letter}\\nIts subject:"},
        ],
    )
    return answer.choices[0].message.content


if __name__ == "__main__":
    sort("Dear Ms Vale, the harbour light is out.")
    sort("Dear Mr Orr, when does the library open?")
"""


async def test_an_unchanged_program_is_attributed_here_and_on_the_server(
    streaming: Served, gateway: Opened, tmp_path: Path
) -> None:
    source = tmp_path / "letters.py"
    source.write_text(AGENT)
    agent = await asyncio.to_thread(open_agent, source)
    plan = default_plan(agent.compiled)
    at = deployer(gateway.triton, streaming.repository)
    pushed = await at.push(plan, agent.compiled.calls)
    request = ProgramRequest(agent=str(source), command=(sys.executable, str(source)))
    report = await run_program(request, TritonOptions(url=streaming.state.grpc_url))
    records = await gateway.seen(2)
    (call,) = agent.compiled.calls
    assert (report.state, report.errors) == ("done", ())
    assert report.revision == pushed.revision
    assert [one.node for one in report.requests] == [call.id] * 2
    assert [(one.node, one.form, one.source, one.run) for one in records] == [
        (call.id, "as written", "program", report.run)
    ] * 2
    assert [one.prompt_tokens for one in report.requests] == [one.prompt_tokens for one in records]
    assert report.requests[1].reused_tokens == records[1].reused_tokens != 0


HARBOUR = """
import openai

client = openai.OpenAI()
RULES = \"\"\"%s\"\"\"


def answer(name, question):
    system = f"You speak with {name}.\\n" + RULES
    reply = client.chat.completions.create(
        model="any",
        messages=[{"role": "system", "content": system}, {"role": "user", "content": question}],
    )
    return reply.choices[0].message.content
""" % ("Name the berth and the tide whenever you speak of a manoeuvre. " * 8)


async def test_chats_of_an_unchanged_client_are_laid_out_as_planned(
    streaming: Served, gateway: Opened, tmp_path: Path
) -> None:
    source = tmp_path / "harbour.py"
    source.write_text(HARBOUR)
    agent = await asyncio.to_thread(open_agent, source)
    calls = agent.compiled.calls
    layouts = candidate_layouts(calls)["constant text first"]
    nodes = {name: replace(node, apply="traffic") for name, node in layouts.items()}
    create = gateway.openai.chat.completions.create

    def chat(name: str) -> list[ChatCompletionMessageParam]:
        rules = HARBOUR.split('"""')[1]
        return [
            {"role": "system", "content": f"You speak with {name}.\n{rules}"},
            {"role": "user", "content": "Which berth?"},
        ]

    async def asked(name: str) -> tuple[int, str | None]:
        """The prompt tokens computed for a chat, and its answer."""
        answer = await create(model=MODEL, messages=chat(name), max_tokens=4)
        assert answer.usage is not None and answer.usage.prompt_tokens_details is not None
        cached = answer.usage.prompt_tokens_details.cached_tokens or 0
        return answer.usage.prompt_tokens - cached, answer.choices[0].message.content

    await asked("Ada")
    as_written, _ = await asked("Ben")
    at = deployer(gateway.triton, streaming.repository)
    await at.push(Plan(agent=str(source), nodes=nodes), calls, force=True)
    await asked("Cid")
    laid_out, answer = await asked("Dot")
    stream = await create(model=MODEL, messages=chat("Dot"), max_tokens=4, stream=True)
    streamed = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert laid_out < as_written / 4
    assert "".join(streamed) == answer
    assert [one.laid_out for one in await gateway.seen(5)] == [False, False, True, True, True]
