"""Comparing answers on any server: here one of vLLM's shape that answers by the prompt it gets."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from charter_engine.api.answers import compare_answers
from charter_engine.contracts.answers import AnswersReport, AnswersRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.server import ProfileRequest
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from tests.unit.api.agents import FACTS, REPLY, write_agent, write_plan
from tests.unit.servers.answering import Answering, answering, vllm


def by_length(body: Mapping[str, Any]) -> web.Response:
    """An answer that a longer prompt has longer, in JSON."""
    text = json.dumps({"tokens": len(body["prompt"])})
    event = {"choices": [{"text": text, "token_ids": [7]}], "usage": {"prompt_tokens": 9}}
    lines = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n"
    return web.Response(text=lines, content_type="text/event-stream")


async def compared(
    directory: Path, nodes: str = "", **asked: Any
) -> tuple[AnswersReport, Answering]:
    agent = write_agent(directory)
    async with answering(vllm(v1__completions=by_length)) as (told, url):
        request = AnswersRequest(
            agent=str(agent),
            plan=str(write_plan(directory, agent.name, nodes)),
            server=ProfileRequest(address=url),
            tokenizer=str(tokenizer_path()),
            **asked,
        )
        return await compare_answers(request, TritonOptions()), told


async def test_a_plan_that_lays_out_nothing_changes_no_answer(tmp_path: Path) -> None:
    report, told = await compared(tmp_path)
    assert report.verdict == "the plan changes none of 4 answers"
    assert [node.node for node in report.nodes] == [FACTS, REPLY]
    assert (report.repeated, report.repeated_equal, report.complete) == (4, 4, True)
    assert all(node.written.valid_json == node.pairs for node in report.nodes)
    assert {body["temperature"] for body in told.bodies} == {0.0}


async def test_what_a_layout_changes_is_shown_pair_by_pair(tmp_path: Path) -> None:
    chained = f"\n  {REPLY}: {{layout: append-only, extends: {FACTS}}}"
    report, _ = await compared(tmp_path, chained, iterations=1, check="json")
    (pair,) = report.differing
    assert pair.node == REPLY and pair.written != pair.planned and not pair.carried
    assert report.nodes[1].planned.passed == 1
    assert report.inputs == "1 sets as given"


async def test_nothing_is_put_before_the_prompts_that_would_be_read_too(tmp_path: Path) -> None:
    _, told = await compared(tmp_path, iterations=1)
    first, again = [body["prompt"] for body in told.bodies][::2][:2]
    assert first == again


async def test_a_check_that_says_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="verdicts"):
        await compared(tmp_path, iterations=1, check="true")
