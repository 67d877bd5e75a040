"""What is assumed where inputs don't tell: turns, and what each leaves in a history."""

from itertools import pairwise

from charter_engine.analysis.agent_workload import generate
from charter_engine.analysis.assumed_inputs import (
    ASSUMED_PASSES,
    completed,
    synthetic_inputs,
    what_is_open,
)
from charter_engine.analysis.bound import reuse_bound
from charter_engine.analysis.compile import compile_source
from charter_engine.contracts.plan import Plan
from tests.unit.encoding import by_character

TOOL_LOOP = """
from openai import OpenAI

client = OpenAI()
RULES = "You look after a small library and answer in one sentence. "


def work(goal):
    messages = [{"role": "system", "content": RULES}, {"role": "user", "content": goal}]
    while True:
        out = client.chat.completions.create(model="m", messages=messages).choices[0].message
        messages.append(out)
        for asked in out.tool_calls:
            found = look(asked.function.name)
            messages.append({"role": "tool", "tool_call_id": asked.id, "content": found})
"""


def test_a_tool_loop_reuses_nearly_all_of_what_it_sends_again() -> None:
    calls = compile_source("agent.py", TOOL_LOOP).calls
    inputs = [synthetic_inputs(calls, run) for run in range(2)]
    placed = generate(calls, inputs, Plan(agent="agent.py"), by_character)
    lengths = [item.request.input_length for item in placed[:ASSUMED_PASSES]]
    assert len({after - before for before, after in pairwise(lengths)}) == 1
    assert reuse_bound(item.request for item in placed).rate > 0.8


SHARED = """
from openai import OpenAI

client = OpenAI()


class Agent:
    def __init__(self):
        self.log = [{"role": "system", "content": "You look after a library. " * 20}]

    def plan(self, goal):
        self.log.append({"role": "user", "content": goal})
        out = client.chat.completions.create(model="m", messages=self.log).choices[0].message
        self.log.append({"role": "assistant", "content": out.content})

    def act(self):
        self.log.append({"role": "user", "content": "Take the next step."})
        out = client.chat.completions.create(model="m", messages=self.log).choices[0].message
        self.log.append({"role": "assistant", "content": out.content})


def main(goal):
    agent = Agent()
    agent.plan(goal)
    while True:
        agent.act()
"""


def test_methods_that_share_a_history_reuse_what_the_others_sent() -> None:
    calls = compile_source("agent.py", SHARED).calls
    inputs = [synthetic_inputs(calls, 0)]
    first, *later = generate(calls, inputs, Plan(agent="agent.py"), by_character)
    sent = [item.request.token_ids for item in (first, *later)]
    assert len(later) == ASSUMED_PASSES
    closing = len("<|assistant|>\n")
    assert all(
        after[: len(before) - closing] == before[:-closing] for before, after in pairwise(sent)
    )


def test_given_inputs_are_completed_by_the_turns_they_leave_open() -> None:
    calls = compile_source("agent.py", TOOL_LOOP).calls
    turns = completed(calls, {"goal": "Find it"}, 0)["turns"]
    assert len(turns) == ASSUMED_PASSES
    assert all("goal" not in turn and turn["found"] for turn in turns)
    assert what_is_open(calls, {"goal": "x"}) == ("work:out", "")
    assert what_is_open(calls, {"turns": 3}) == ("", "")


def test_a_constant_that_is_not_at_hand_is_the_same_in_every_run_and_turn() -> None:
    away = TOOL_LOOP.replace("RULES =", "from elsewhere import RULES  #")
    calls = compile_source("agent.py", away).calls
    first, second = (synthetic_inputs(calls, run) for run in range(2))
    assert first["RULES"] == second["RULES"] == completed(calls, {"goal": "x"}, 0)["RULES"]
    assert all("RULES" not in turn for turn in first["turns"])
    assert what_is_open(calls, {"turns": 1}) == ("", "RULES")


HUB = """
from langchain import hub
from langchain_openai import ChatOpenAI


def ask(question):
    chain = hub.pull("library/answer") | ChatOpenAI(model="m")
    return chain.invoke({"question": question})
"""


def test_a_text_of_which_nothing_is_known_is_assumed_beside_given_inputs() -> None:
    calls = compile_source("agent.py", HUB).calls
    given = {"question": "Where is it?"}
    assert what_is_open(calls, given) == ("", "unknown_8")
    placed = generate(calls, [completed(calls, given, 0)], Plan(agent="agent.py"), by_character)
    assert placed[0].request.input_length > len(given["question"])
