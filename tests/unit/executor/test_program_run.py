"""Running a program of the user's own."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import cast

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from charter_engine.bls.plan import Form, Node, rendered
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.executor.program_run import (
    OpensGateway,
    ProgramRun,
    ended,
    environment,
    gateway_to_openai,
    gateway_to_triton,
    require_program,
)
from charter_engine.executor.totals import NodeTotals
from charter_engine.gateway.model import ServedModel
from charter_engine.traffic.attribution import Attribution
from charter_engine.triton.client import TritonClient
from charter_engine.triton.request import Contract, Generated, GenerateRequest

GREET = Form(("Greet ", None, " warmly, please."), (0, 1, 2), "as written")
NODES = (
    Node("greet", (GREET, *filter(None, [rendered(GREET, frozenset())]))),
    Node("part", (Form(("Take leave of ", None, "."), (0, 1, 2), "as written"),)),
)
CHAT = """
import json, os, urllib.request
message = {"role": "user", "content": "Greet Ms Vale warmly, please."}
body = json.dumps({"model": "m", "messages": [message]}).encode()
headers = {"Content-Type": "application/json"}
url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
urllib.request.urlopen(urllib.request.Request(url, body, headers)).read()
"""
ASK = "from charter_engine.client import Client\nask = Client().generate\n"


class Engine:
    """Stands in for Triton: answers at once, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[GenerateRequest] = []

    async def contract(self, model: str) -> Contract:
        return Contract(model, {}, {})

    async def generate(self, request: GenerateRequest) -> Generated:
        assert request.text is not None
        self.asked.append(request)
        return Generated(
            text="Good day", prompt_tokens=12, output_tokens=2, reused_tokens=8, ttft_ms=3.0
        )


def program(*command: str) -> ProgramRun:
    return ProgramRun(
        run="R",
        agent="agent.py",
        command=command,
        attribution=Attribution(NODES),
        plan=Plan(agent="agent.py"),
        totals=NodeTotals(node.name for node in NODES),
    )


def to(engine: Engine, run: ProgramRun) -> OpensGateway:
    return gateway_to_triton(run, cast(TritonClient, engine), ServedModel())


async def started(before: set[psutil.Process]) -> list[psutil.Process]:
    """The processes below this one that were not there before, once there are any."""
    for _ in range(500):
        await asyncio.sleep(0.01)
        new = set(psutil.Process().children()) - before
        if new:
            return list(new)
    raise AssertionError("nothing was started")


async def executed(source: str, engine: Engine) -> RunReport:
    run = program(sys.executable, "-c", ASK + source)
    return await run.execute(to(engine, run))


async def test_its_calls_are_measured_and_attributed_to_the_nodes_of_its_source() -> None:
    engine = Engine()
    report = await executed(
        "ask('Greet Ms Vale warmly, please.', 5)\nask('Take leave of Mr Orr.', 5)\nask('Hello', 5)",
        engine,
    )
    assert (report.state, report.variant) == ("done", "program")
    assert [(record.node, record.source) for record in report.requests] == [
        ("greet", "program"),
        ("part", "program"),
        ("", "program"),
    ]
    assert {node.node: node.requests for node in report.nodes} == {
        "greet": 1,
        "part": 1,
        "unmatched": 1,
    }
    assert (report.requests[0].prompt_tokens, report.requests[0].ttft_ms) == (12, 3.0)
    assert {(asked.run, asked.agent, asked.source) for asked in engine.asked} == {
        ("R", "agent.py", "program")
    }


async def test_a_program_that_fails_fails_the_run_with_its_exit_code() -> None:
    report = await executed(
        "ask('Greet Ms Vale warmly, please.', 5)\nraise SystemExit(4)", Engine()
    )
    assert (report.state, len(report.requests)) == ("failed", 1)
    assert report.errors == (f"{sys.executable} ended with exit code 4",)


async def test_a_request_that_fails_is_told_and_left_to_the_program() -> None:
    class Failing(Engine):
        async def generate(self, request: GenerateRequest) -> Generated:
            raise UsageError("the prompt is too long")

    report = await executed("try: ask('Hello', 5)\nexcept Exception: pass", Failing())
    assert (report.state, report.errors) == ("done", ("the prompt is too long",))


async def test_another_server_may_answer_and_messages_tell_the_nodes() -> None:
    async def answer(_: web.Request) -> web.Response:
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
        message = {"role": "assistant", "content": "Good day"}
        return web.json_response(
            {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}
        )

    application = web.Application()
    application.router.add_post("/v1/chat/completions", answer)
    run = program(sys.executable, "-c", CHAT)
    async with TestServer(application) as upstream:
        report = await run.execute(gateway_to_openai(str(upstream.make_url("/v1")), ""))
    assert [(one.node, one.prompt_tokens, one.source) for one in report.requests] == [
        ("greet", 9, "program")
    ]


async def test_a_program_ends_with_the_run_that_is_cancelled() -> None:
    run = program(sys.executable, "-c", "import time; time.sleep(60)")
    before = set(psutil.Process().children())
    task = asyncio.create_task(run.execute(to(Engine(), run)))
    (child,) = await started(before)
    child.send_signal(signal.SIGINT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not child.is_running()
    assert run.report("cancelled").state == "cancelled"


def test_its_clients_are_pointed_at_the_gateway_and_keep_their_keys() -> None:
    given = {"OPENAI_BASE_URL": "https://elsewhere", "OPENAI_API_KEY": "own", "HOME": "/home/me"}
    made = environment(given, "127.0.0.1:4321")
    assert made["OPENAI_BASE_URL"] == "http://127.0.0.1:4321/v1"
    assert made["ANTHROPIC_BASE_URL"] == made["CHARTER_BASE_URL"] == "http://127.0.0.1:4321"
    assert (made["OPENAI_API_KEY"], made["HOME"]) == ("own", "/home/me")
    assert made["ANTHROPIC_API_KEY"]


@pytest.mark.parametrize(
    ("status", "words"), [(3, "ended with exit code 3"), (-9, "was ended by signal 9")]
)
def test_how_a_program_ended_is_told(status: int, words: str) -> None:
    assert ended(status) == words


@pytest.mark.parametrize("command", [["no-such-program"], [os.devnull]])
def test_what_cannot_be_started_is_refused(command: Sequence[str]) -> None:
    with pytest.raises(UsageError, match="there is no program"):
        require_program(command)
