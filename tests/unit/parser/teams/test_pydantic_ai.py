"""pydantic-ai: agents that tools or validators run, graphs and sessions."""

import pytest

from tests.unit.parser.compiled import compiled, edges
from tests.unit.parser.teams.speaking import turning

TOOLS = """
from pydantic_ai import Agent, RunContext

chooser = Agent("m", system_prompt="Choose a joke.")
maker = Agent("m", system_prompt="Make jokes.")

@chooser.tool
async def jokes(ctx: RunContext[None], count: int) -> str:
    made = await maker.run(f"Make {count} jokes.")
    return made.output

def main():
    return chooser.run_sync("Tell me a joke.")
"""


def test_a_tool_that_asks_another_agent_is_an_edge_there_and_back() -> None:
    file = compiled(TOOLS)
    assert edges(file) == {(13, 9, "data"), (9, 13, "loop"), (13, 13, "loop")}


def test_a_tool_whose_prompt_holds_nothing_of_its_caller_is_an_edge_back_alone() -> None:
    file = compiled(TOOLS.replace("Make {count} jokes.", "Make jokes."))
    assert edges(file) == {(9, 13, "loop"), (13, 13, "loop")}


OFFERED = """
from pydantic_ai import Agent, RunContext, Tool
from pydantic_ai.toolsets import FunctionToolset

helper = Agent("m", system_prompt="You help.")

async def ask(ctx: RunContext, question: str) -> str:
    return (await helper.run(question)).output

GIVEN

def main():
    return boss.run_sync("Go.")
"""


@pytest.mark.parametrize(
    "given",
    [
        "boss = Agent('m', tools=[Tool(ask, takes_ctx=True)])",
        "boss = Agent('m', toolsets=[FunctionToolset(tools=[ask])])",
        "boss = Agent('m', toolsets=[FunctionToolset([ask]).prefixed('x')])",
    ],
)
def test_a_tool_that_is_an_object_or_of_a_toolset_is_asked(given: str) -> None:
    file = compiled(OFFERED.replace("GIVEN", given))
    assert edges(file) == {(13, 8, "data"), (8, 13, "loop"), (13, 13, "loop")}


def test_a_toolsets_decorator_offers_a_function() -> None:
    source = OFFERED.replace(
        "async def ask", "tools = FunctionToolset()\n@tools.tool\nasync def ask"
    )
    file = compiled(source.replace("GIVEN", "boss = Agent('m', toolsets=[tools])"))
    assert edges(file) == {(15, 10, "data"), (10, 15, "loop"), (15, 15, "loop")}


def test_a_function_that_an_answer_goes_to_hears_it_and_answers_in_its_place() -> None:
    source = OFFERED.replace("GIVEN", "boss = Agent('m', output_type=[ask, str])")
    file = compiled(source + "\nlast = Agent('m').run_sync(f'Judge {main().output}')\n")
    assert edges(file) == {(13, 8, "data"), (13, 15, "data"), (8, 15, "data")}


def test_what_functions_say_that_an_agent_is_told_by_is_part_of_its_prompt() -> None:
    file = compiled(
        """
        from pydantic_ai import Agent, RunContext

        agent = Agent("m", instructions="Be kind.")

        @agent.instructions
        def rules(ctx: RunContext[str]) -> str:
            return f"Speak of {ctx.deps}."

        agent.run_sync("Go.")
        """
    )
    texts = [part.text or part.name for part in file.calls[0].segments]
    assert texts == ["Be kind.", "Speak of ", "deps", ".", "Go."]


GRAPH = {
    "Plan": """
@dataclass
class Plan(BaseNode[State]):
    async def run(self, ctx: GraphRunContext[State]) -> Write:
        return Write(plan=(await planner.run(f"Plan {ctx.state.topic}")).output)
""",
    "Write": """
@dataclass
class Write(BaseNode[State]):
    plan: str
    async def run(self, ctx: GraphRunContext[State]) -> Judge:
        return Judge((await writer.run(f"Write {self.plan}")).output)
""",
    "Judge": """
@dataclass
class Judge(BaseNode[State, None, str]):
    text: str
    async def run(self, ctx: GraphRunContext[State]) -> Write | End[str]:
        said = await judge.run(f"Judge {self.text}")
        return End(self.text) if said.output == "good" else Write(said.output)
""",
}


@pytest.mark.parametrize("order", [("Plan", "Write", "Judge"), ("Judge", "Write", "Plan")])
def test_nodes_hand_on_what_they_make_the_next_one_with(order: tuple[str, ...]) -> None:
    head = """
from __future__ import annotations
from dataclasses import dataclass
from pydantic_ai import Agent
from pydantic_graph import BaseNode, End, Graph, GraphRunContext

planner, writer, judge = Agent("m"), Agent("m"), Agent("m")

@dataclass
class State:
    topic: str
"""
    file = compiled(head + "".join(GRAPH[name] for name in order))
    asked = {call.id: call.function.partition(".")[0] for call in file.calls}
    found = {
        (asked[edge.call], asked[call.id], edge.carried)
        for call in file.calls
        for edge in call.depends_on
    }
    assert found == {
        ("Plan", "Write", "data"),
        ("Write", "Judge", "data"),
        ("Judge", "Write", "loop"),
    }


def test_an_agent_that_a_session_keeps_is_asked_with_its_instructions() -> None:
    file = compiled(
        """
        import chainlit
        from pydantic_ai import Agent

        @chainlit.on_chat_start
        async def start():
            chainlit.user_session.set("agent", Agent("m", instructions="Be kind."))

        @chainlit.on_message
        async def answer(message):
            agent = chainlit.user_session.get("agent")
            return (await agent.run(message.content)).output
        """
    )
    assert [part.text or part.name for part in file.calls[0].segments] == ["Be kind.", "content"]


VALIDATED = """
from pydantic_ai import Agent, ModelRetry, RunContext

judge = Agent("m", system_prompt="Judge drafts.")
writer = Agent("m", system_prompt="Write drafts.")

@writer.output_validator
async def check(ctx: RunContext[None], draft: str) -> str:
    verdict = await judge.run(f"Judge: {draft}")
    if verdict.output != "OK":
        raise ModelRetry(REMARKS)
    return draft

def main():
    return writer.run_sync("Write on tides.")
"""


def test_a_validator_is_given_the_answer_and_what_it_raises_is_told_to_the_agent() -> None:
    file = compiled(VALIDATED.replace("REMARKS", "verdict.output"))
    assert edges(file) == {(15, 9, "data"), (9, 15, "loop"), (15, 15, "loop")}
    assert turning(file) == [9, 15]


def test_a_validator_that_raises_nothing_that_a_model_said_only_lets_the_agent_try_again() -> None:
    file = compiled(VALIDATED.replace("REMARKS", '"Too long."'))
    assert edges(file) == {(15, 9, "data")}
    assert turning(file) == []
