"""The OpenAI Agents SDK: hand-offs, agents as tools, agents that classes are made from."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines, package
from tests.unit.parser.teams.speaking import said, turning

HANDED = """
from agents import Agent, Runner, handoff

french = Agent(name="French", instructions="You speak French.")
german = Agent(name="German", instructions="You speak German.")
poet = Agent(name="Poet", instructions="You write poems.")
desk = Agent(name="Desk", instructions="Hand on.", handoffs=HANDOFFS, tools=TOOLS)
MORE

async def serve(text):
    result = await Runner.run(desk, text)
    return await Runner.run(poet, result.final_output)
"""


def handed(handoffs: str, tools: str = "[]", more: str = "") -> CompiledFile:
    source = HANDED.replace("HANDOFFS", handoffs).replace("TOOLS", tools)
    return compiled(source.replace("MORE", more))


@pytest.mark.parametrize("handoffs", ["[french, german]", "[french, handoff(agent=german)]"])
def test_a_hand_off_goes_on_with_the_conversation_and_its_answer_may_be_the_last(
    handoffs: str,
) -> None:
    file = handed(handoffs)
    assert edges(file) == {
        (11, 4, "data"),
        (11, 5, "data"),
        (11, 12, "data"),
        (4, 12, "data"),
        (5, 12, "data"),
    }
    assert turning(file) == []
    assert said(file, 4) == [
        ("system", "You speak French.", False),
        (None, "text", False),
        ("assistant", "result", False),
    ]


def test_braces_in_instructions_that_nothing_fills_are_text() -> None:
    source = HANDED.replace("HANDOFFS", "[french]").replace("TOOLS", "[]").replace("MORE", "")
    file = compiled(source.replace("You speak French.", "Answer as {name}."))
    assert said(file, 4)[0] == ("system", "Answer as {name}.", False)


def test_agents_that_hand_back_take_turns() -> None:
    file = handed("[french]", more="french.handoffs.append(desk)")
    assert turning(file) == [4, 11]
    assert {(4, 11, "loop"), (11, 4, "data"), (11, 11, "loop")} <= edges(file)
    assert said(file, 11)[2:] == [("assistant", "result", True), ("assistant", "french", True)]


def test_an_agent_as_a_tool_is_asked_by_its_caller_and_answers_it() -> None:
    file = handed("[]", tools='[german.as_tool("german", "Translates.")]')
    found = edges(file)
    assert {(11, 5, "data"), (5, 11, "loop")} <= found
    assert (5, 12, "data") not in found


def test_an_agent_whose_name_is_given_to_its_answer_is_the_one_that_is_run() -> None:
    files = package(
        main="""
            from agents import Runner
            from team import lead
            lead = Runner.run_sync(lead, "Add two and two.")
        """,
        team="""
            from agents import Agent
            adder = Agent(name="Adder", instructions="Add numbers.")
            lead = Agent(name="Lead", tools=[adder.as_tool("add", "Adds.")])
        """,
    )
    (run,), (asked,) = files["main.py"].calls, files["team.py"].calls
    assert [(one.call, one.carried) for one in asked.depends_on] == [(run.id, "data")]
    assert (asked.id, "loop") in {(one.call, one.carried) for one in run.depends_on}


def test_what_a_team_said_in_an_earlier_run_reaches_it_in_a_later_turn() -> None:
    talk = """
        from agents import Agent, Runner

        french = Agent(name="French", instructions="You speak French.")
        german = Agent(name="German", instructions="You speak German.")
        desk = Agent(name="Desk", instructions="Hand on.", handoffs=[french, german])

        async def serve():
            said = []
            while True:
                said.append({"role": "user", "content": input()})
                result = await Runner.run(desk, said)
                said = result.to_input_list()
        """
    found = edges(compiled(talk))
    assert {(4, 5, "loop"), (5, 4, "loop"), (4, 12, "loop"), (12, 4, "data")} <= found
    assert not {(4, 5, "data"), (5, 4, "data")} & found


def test_an_agent_alone_is_one_call_that_nothing_repeats() -> None:
    file = handed("[]")
    assert (lines(file), turning(file)) == ([11, 12], [])


DERIVED = """
from agents import Agent, Runner

class Researcher(Agent):
    def __init__(self, topic):
        super().__init__(name="Researcher", instructions=f"Research {topic}.")

class Lead(Agent):
    instructions = "Lead."

async def main(topic, task):
    lead = Lead(name="Lead", handoffs=[Researcher(topic)])
    return await Runner.run(lead, task)
"""


def test_an_object_of_a_class_that_is_made_from_an_agent_takes_part_as_one() -> None:
    file = compiled(DERIVED)
    assert edges(file) == {(13, 12, "data")}
    assert said(file, 13)[0] == ("system", "Lead.", False)
    assert said(file, 12)[:2] == [("system", "Research ", False), ("system", "topic", False)]


def test_an_agent_of_a_class_with_its_parameters_is_handed_on_to() -> None:
    file = compiled(
        """
        from typing import Any
        from agents import Agent, Runner

        def searching() -> Agent[Any]:
            return Agent[Any](name="Search", instructions="You search the web, thoroughly.")

        async def main(task):
            lead = Agent[Any](name="Lead", instructions="You hand on.", handoffs=[searching()])
            return await Runner.run(lead, task)
        """
    )
    assert edges(file) == {(10, 6, "data")}


def test_a_copy_of_an_agent_takes_part_as_one_with_what_it_changes() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        pirate = Agent(name="pirate", instructions="Talk like a pirate.", model="m")
        robot = pirate.clone(name="robot", instructions="Talk like a robot.")
        lead = Agent(name="lead", instructions="Lead.", handoffs=[robot])
        result = Runner.run_sync(lead, "Hello")
        """
    )
    assert edges(file) == {(7, 5, "data")}
    assert said(file, 5)[0] == ("system", "Talk like a robot.", False)


def test_agents_of_spoken_conversations_hand_on() -> None:
    file = compiled(
        """
        from agents.realtime import RealtimeAgent, RealtimeRunner, realtime_handoff

        answers = RealtimeAgent(name="answers", instructions="Answer.")
        triage = RealtimeAgent(name="t", instructions="Lead.", handoffs=[realtime_handoff(answers)])

        async def main():
            return await RealtimeRunner(starting_agent=triage).run()
        """
    )
    assert edges(file) == {(8, 4, "data")}
    assert said(file, 8) == [("system", "Lead.", False)]


def test_instructions_that_a_function_writes_stand_in_the_prompt() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        def instructions(context, agent):
            return f"You help {context.context.name} to pack."

        def main(text):
            helper = Agent(name="helper", instructions=instructions)
            return Runner.run_sync(helper, text)
        """
    )
    assert said(file, 9)[0] == ("system", "You help ", False)


def test_an_agent_that_a_session_keeps_is_the_one_that_is_run() -> None:
    file = compiled(
        """
        import chainlit as cl
        from agents import Agent, Runner

        @cl.on_chat_start
        async def start():
            cl.user_session.set("agent", Agent(name="kind", instructions="You are kind."))

        @cl.on_message
        async def answer(message):
            return await Runner.run(cl.user_session.get("agent"), message.content)
        """
    )
    assert said(file, 11)[0] == ("system", "You are kind.", False)


def test_an_agent_that_a_method_makes_later_has_its_instructions() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        class Bot:
            def __init__(self):
                self.agent = None

            def prepare(self):
                self.agent = Agent(name="kind", instructions="You are kind.")

            async def answer(self, text):
                return await Runner.run(self.agent, text)
        """
    )
    assert said(file, 12)[0] == ("system", "You are kind.", False)


FACTORY = """
from agents import Agent, Runner

def made(name, instructions, tools=()):
    return Agent(name=name, instructions=instructions, tools=[*tools])

sums = made("sums", "You do sums.")
maps = made("maps", "You draw maps.")
lead = made("lead", "Ask others.", [sums.as_tool("sums", "s"), maps.as_tool("maps", "m")])
result = Runner.run_sync(lead, "Hello")
"""


def test_agents_that_one_function_makes_are_told_apart_by_their_names() -> None:
    file = compiled(FACTORY)
    assert edges(file) == {(10, 5, "data"), (5, 10, "loop"), (10, 10, "loop")}
    assert said(file, 10)[0] == ("system", "Ask others.", False)


def test_of_agents_that_one_function_makes_the_call_shows_what_they_share() -> None:
    assert said(compiled(FACTORY), 5)[0] == ("system", "instructions", False)
    same = FACTORY.replace("You draw maps.", "You do sums.")
    assert said(compiled(same), 5)[0] == ("system", "You do sums.", False)


def test_agents_that_hand_on_to_each_other_and_are_made_in_one_place_hear_each_other_later() -> (
    None
):
    file = compiled(
        """
        from agents import Agent, Runner

        def made(name, handoffs):
            return Agent(name=name, instructions="You help.", handoffs=handoffs)

        last = made("last", [])
        first = made("first", [made("second", [last])])
        result = Runner.run_sync(first, "Hello")
        """
    )
    assert edges(file) == {(9, 5, "data"), (5, 5, "loop")}


def test_a_loop_gives_each_of_several_agents_whom_it_hands_back_to() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        sales = Agent(name="sales", instructions="You sell.")
        help = Agent(name="help", instructions="You help.")
        lead = Agent(name="lead", instructions="You lead.", handoffs=[sales, help])
        for agent in (sales, help):
            agent.handoffs.append(lead)
        result = Runner.run_sync(lead, "Hello")
        """
    )
    assert {(4, 9, "loop"), (5, 9, "loop")} <= edges(file)


def test_instructions_that_the_sdk_puts_rules_before_are_told_with_them() -> None:
    file = compiled(
        """
        from agents import Agent, Runner
        from agents.extensions.handoff_prompt import prompt_with_handoff_instructions

        rules = prompt_with_handoff_instructions("You sell.")
        result = Runner.run_sync(Agent(name="sales", instructions=rules), "Hello")
        """
    )
    assert said(file, 6)[:2] == [
        ("system", "RECOMMENDED_PROMPT_PREFIX", False),
        ("system", "\n\nYou sell.", False),
    ]


def test_a_guard_of_the_output_asks_about_the_answer() -> None:
    file = compiled(
        """
        from agents import Agent, Runner, output_guardrail

        judge = Agent(name="judge", instructions="Tell whether it is safe.")

        @output_guardrail
        async def check(context, agent, output):
            return await Runner.run(judge, f"Judge this: {output.text}")

        helper = Agent(name="helper", instructions="You help.", output_guardrails=[check])
        result = Runner.run_sync(helper, "Hello")
        """
    )
    assert edges(file) == {(11, 8, "data")}


def test_a_guard_of_the_input_asks_about_what_the_agent_is_given() -> None:
    file = compiled(
        """
        from agents import Agent, Runner, input_guardrail

        judge = Agent(name="judge", instructions="Tell whether it is safe.")
        planner = Agent(name="planner", instructions="You plan.")

        @input_guardrail
        async def check(context, agent, text):
            return await Runner.run(judge, text)

        helper = Agent(name="helper", instructions="You help.", input_guardrails=[check])
        plan = Runner.run_sync(planner, "Hello")
        result = Runner.run_sync(helper, plan.final_output)
        """
    )
    assert edges(file) == {(12, 9, "data"), (12, 13, "data")}


TRIAGE = """
from agents import Agent, Runner

other = Agent(name="other", instructions="You know flights.")
triage = Agent(name="triage", instructions="You route.", handoffs=HANDOFFS)

async def get_response(text):
    result = await Runner.run(triage, text)
    return result.final_output

async def work(question):
    return await get_response(question)
"""


def test_a_function_that_runs_several_agents_of_the_programs_own_is_a_step() -> None:
    assert lines(compiled(TRIAGE.replace("HANDOFFS", "[other]"))) == [4, 8]
    assert lines(compiled(TRIAGE.replace("HANDOFFS", "[]"))) == [8, 12]


REGISTERED = """
from agents import Agent, Runner, function_tool
from openai import OpenAI

REGISTRY = {}

def register(function):
    REGISTRY[function.__name__] = function_tool(function)
    return function

@register
def translate(text: str) -> str:
    "Translate."
    return OpenAI().responses.create(model="m", instructions="Translate.", input=text).output_text

agent = Agent(name="desk", instructions="You help.", tools=TOOLS)
Runner.run_sync(agent, input())
"""


@pytest.mark.parametrize(
    "tools",
    [
        "[REGISTRY[name] for name in input().split()]",
        "list(REGISTRY.values())",
        "[*REGISTRY.values()]",
        "[function_tool(translate)]",
    ],
)
def test_tools_that_are_registered_elsewhere_are_the_agents(tools: str) -> None:
    found = edges(compiled(REGISTERED.replace("TOOLS", tools)))
    assert {(17, 14, "data"), (14, 17, "loop")} <= found


TYPED = """
from agents import Agent, Runner

searcher = Agent(name="Searcher", instructions="You search.")
writer = Agent(name="Writer", instructions="You write.", output_type=Report)
critic = Agent(name="Critic", instructions="You judge.")

async def serve(text):
    found = await Runner.run(searcher, text)
    report = await Runner.run(writer, found.final_output)
    await Runner.run(critic, report.GIVEN)
"""


def test_an_answer_that_is_taken_as_a_type_is_the_answer_alone() -> None:
    taken = compiled(TYPED.replace("GIVEN", "final_output_as(Report).markdown"))
    handed_back = compiled(TYPED.replace("GIVEN", "to_input_list()"))
    assert edges(taken) == {(9, 10, "data"), (10, 11, "data")}
    assert edges(handed_back) == {(9, 10, "data"), (9, 11, "data"), (10, 11, "data")}
