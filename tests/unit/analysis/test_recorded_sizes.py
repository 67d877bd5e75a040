"""Inputs as large as what was recorded: turns, prompts, what each turn adds, and answers."""

from collections.abc import Sequence
from itertools import pairwise

import pytest

from charter_engine.analysis.agent_workload import PlacedRequest, generate
from charter_engine.analysis.assumed_inputs import ASSUMED_PASSES, ASSUMED_RUNS, synthetic_inputs
from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.recorded_sizes import (
    LARGEST_TOKENS,
    RecordedCall,
    answering_as_recorded,
    recorded_calls,
    recorded_sizes,
)
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import as_workload
from tests.unit.encoding import by_character

CHAT = """
from openai import OpenAI

client = OpenAI()


def work(goal):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": goal}]
    while True:
        out = client.chat.completions.create(model="m", messages=messages).choices[0].message
        messages.append({"role": "assistant", "content": out.content})
        messages.append({"role": "user", "content": input()})
"""
CHAIN = """
from openai import OpenAI

client = OpenAI()


def work(document):
    facts = client.responses.create(model="m", input="List the facts: " + document).output_text
    return client.responses.create(model="m", input="Judge these: " + facts + document)
"""


def request(node: str, session: str, prompt: int, answer: int, at: float) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=at, input_length=prompt, output_length=answer, node=node, session=session
    )


def conversation(node: str, session: str, lengths: Sequence[int]) -> list[WorkloadRequest]:
    return [request(node, session, length, 40, float(at)) for at, length in enumerate(lengths)]


def made_of(
    calls: Sequence[Call], recorded: dict[str, RecordedCall], sessions: int
) -> list[PlacedRequest]:
    sizes = recorded_sizes(calls, recorded, sessions, by_character)
    inputs = [synthetic_inputs(calls, run, sizes) for run in range(sizes.runs)]
    answering = answering_as_recorded(calls, recorded)
    return list(generate(answering, inputs, Plan(agent="agent.py"), by_character))


def test_medians_of_sessions_are_what_a_call_is_known_by() -> None:
    requests = [
        *conversation("ask", "a", (500, 700, 900)),
        *conversation("ask", "b", (510, 710, 910, 1110)),
        *conversation("ask", "c", (520, 720)),
        *conversation("", "", (9000,)),
    ]
    (found,) = recorded_calls(as_workload(requests)).values()
    assert found == RecordedCall(requests=9, turns=3, prompt=510, growth=200, answer=40)


def test_a_workload_without_sessions_tells_sizes_and_no_turns() -> None:
    (found,) = recorded_calls(as_workload(conversation("ask", "", (500, 700, 900)))).values()
    assert (found.turns, found.growth, found.prompt) == (0, 0, 700)


def test_a_conversation_grows_as_the_recorded_one() -> None:
    (call,) = compile_source("agent.py", CHAT).calls
    seen = RecordedCall(requests=36, turns=12, prompt=600, growth=300, answer=80)
    placed = made_of((call,), {call.id: seen}, sessions=3)
    assert len(placed) == 3 * 12
    lengths = [item.request.input_length for item in placed[:12]]
    assert lengths[0] == pytest.approx(600, rel=0.1)
    steps = [after - before for before, after in pairwise(lengths)]
    assert steps == [pytest.approx(300, rel=0.3)] * 11
    assert {item.request.output_length for item in placed} == {80}


def test_a_variable_of_several_calls_is_sized_once_and_answers_count() -> None:
    calls = compile_source("agent.py", CHAIN).calls
    first, second = (call.id for call in calls)
    seen = {
        first: RecordedCall(requests=4, turns=1, prompt=1000, growth=0, answer=200),
        second: RecordedCall(requests=4, turns=1, prompt=1200, growth=0, answer=30),
    }
    placed = made_of(calls, seen, sessions=4)
    assert len(placed) == 4 * 2
    lengths = [item.request.input_length for item in placed[:2]]
    assert lengths == [pytest.approx(1000, rel=0.1), pytest.approx(1200, rel=0.1)]


def test_what_the_recording_does_not_have_stays_assumed() -> None:
    calls = compile_source("agent.py", CHAT).calls
    placed = made_of(calls, {}, sessions=0)
    assert len(placed) == ASSUMED_RUNS * ASSUMED_PASSES
    assert answering_as_recorded(calls, {}) == calls


def test_long_recordings_are_cut_to_what_is_soon_predicted() -> None:
    (call,) = compile_source("agent.py", CHAT).calls
    seen = RecordedCall(requests=900, turns=300, prompt=2_000, growth=900, answer=80)
    sizes = recorded_sizes((call,), {call.id: seen}, 3, by_character)
    assert sizes.runs == 1
    assert 1 < sizes.turns[call.id] < 300
    assert seen.prompt_tokens(sizes.turns[call.id]) <= LARGEST_TOKENS
