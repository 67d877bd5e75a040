"""Agents of browser-use."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

AGENTS = """
from browser_use import Agent, ChatOpenAI, Controller
from openai import OpenAI

controller = Controller()
llm = ChatOpenAI(model="m")

@controller.action("Shorten a text")
def shorten(text: str):
    return OpenAI().responses.create(model="m", input=f"Shorten: {text}").output_text

async def find():
    agent = Agent(task="Find a hat.", llm=llm, extend_system_message="Use one tab.")
    return await agent.run(max_steps=5)
"""


def test_an_agent_is_asked_its_task_where_it_runs() -> None:
    file = compiled(
        AGENTS
        + "async def main():\n"
        + "    found = (await find()).final_result()\n"
        + '    Agent("Buy it at " + found, llm, override_system_message="You buy.").run_sync()\n'
    )
    assert lines(file) == [10, 14, 17]
    assert edges(file) == {(14, 17, "data")}
    assert said(file, 14)[:2] == [("system", "Use one tab.", False), ("user", "Find a hat.", False)]
    assert said(file, 17)[:2] == [("system", "You buy.", False), ("user", "Buy it at ", False)]


def test_actions_of_what_holds_its_tools_are_asked_by_an_agent() -> None:
    file = compiled(AGENTS.replace("llm=llm,", "llm=llm, tools=controller,"))
    assert edges(file) == {(14, 10, "data"), (10, 14, "loop"), (14, 14, "loop")}


def test_an_agent_that_runs_again_hears_what_it_answered_before() -> None:
    file = compiled(
        AGENTS
        + 'agent = Agent(task="Find a hat", llm=llm)\n'
        + "agent.run_sync()\n"
        + 'agent.add_new_task("Find a red one")\n'
        + "agent.run_sync()\n"
    )
    assert edges(file) == {(16, 18, "data")}
