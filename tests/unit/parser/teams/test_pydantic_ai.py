"""pydantic-ai: agents that tools run."""

from tests.unit.parser.compiled import compiled, edges

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
