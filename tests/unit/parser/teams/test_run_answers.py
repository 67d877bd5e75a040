"""What runs of teams tell beside their answers: in fields of a result, in tasks, and in files."""

import pytest

from tests.unit.parser.compiled import compiled, edges

CREW = """\
from crewai import Agent, Crew, Task
from pathlib import Path
import json

agent = Agent(role="r", goal="g", backstory="b")

def keep(output):
    with open("out/facts.json", "w") as file:
        json.dump(output.json_dict, file)
    return True, output

find = Task(description="Find facts on {topic}", agent=agent, GIVEN)
write = Task(description="Write on {topic}", agent=agent, output_file="out/piece.md")
check = Task(description="Check {notes}", agent=agent)
done = Crew(agents=[agent], tasks=[find, write]).kickoff(inputs={"topic": "tides"})
Crew(agents=[agent], tasks=[check]).kickoff(inputs={"notes": NOTES})
"""
FIND, WRITE, CHECK = 15, 13, 16


def heard(notes: str, given: str = "") -> set[int]:
    """The tasks whose answers the check is given."""
    file = compiled(CREW.replace("NOTES", notes).replace("GIVEN", given))
    return {source for source, target, _ in edges(file) if target == CHECK}


@pytest.mark.parametrize(
    ("notes", "tasks"),
    [
        ("done.tasks_output[0].raw", {FIND}),
        ("done.tasks_output[-1].json_dict['notes']", {WRITE}),
        ("''.join(one.raw for one in done.tasks_output)", {FIND, WRITE}),
        ("done.raw", {WRITE}),
        ("str(done)", {WRITE}),
        ("find.output.raw", {FIND}),
        ("check.output", set()),
    ],
)
def test_a_crews_result_and_its_tasks_tell_what_each_task_answered(
    notes: str, tasks: set[int]
) -> None:
    assert heard(notes) == tasks


def test_the_file_that_a_task_writes_holds_its_answer() -> None:
    assert heard("Path('out/piece.md').read_text()") == {WRITE}


@pytest.mark.parametrize("given", ["guardrail=keep", "callback=keep"])
def test_a_function_that_looks_at_a_tasks_answer_may_write_it_into_a_file(given: str) -> None:
    assert heard("json.load(open('out/facts.json'))", given) == {FIND}
    assert heard("json.load(open('out/other.json'))", given) == set()


FLOW = """\
from crewai import Agent, Crew, Task
from crewai.flow.flow import Flow, listen, router, start

agent = Agent(role="r", goal="g", backstory="b")

class Work(Flow):
    @start("again")
    def draft(self):
        find = Task(description="Find facts on {topic}", agent=agent)
        write = Task(description="Write on {topic}", agent=agent)
        crew = Crew(agents=[agent], tasks=[find, write])
        self.state["text"] = crew.kickoff(inputs={"topic": "tides"}).raw

    @router(draft)
    def judge(self):
        return "WORD" if self.state["text"] else "done"

Work().kickoff()
"""


@pytest.mark.parametrize(("word", "ways"), [("again", ["cycle"]), ("end", [])])
def test_all_tasks_of_a_crew_that_a_flow_runs_again_are_repeated(
    word: str, ways: list[str]
) -> None:
    file = compiled(FLOW.replace("WORD", word))
    assert {call.line: [loop.kind for loop in call.repeated_by] for call in file.calls} == {
        12: ways,
        10: ways,
    }


DRAWN = """\
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow
from openai import OpenAI

client = OpenAI()
plan, write = AssistantAgent("plan", model), AssistantAgent("write", model)
steps = DiGraphBuilder()
steps.add_node(plan).add_node(write).add_edge(plan, write)
flow = GraphFlow([plan, write], graph=steps.build())

async def main():
    done = await flow.run(task="tides")
    client.responses.create(model="m", input=f"Sum up {SAID}")
"""


@pytest.mark.parametrize(
    ("said", "speakers"),
    [
        ("[one.content for one in done.messages]", {6, 12}),
        ("done.messages[-1].content", {6}),
        ("done.messages[0].content", set()),
    ],
)
def test_the_messages_of_a_result_are_all_that_was_said(said: str, speakers: set[int]) -> None:
    file = compiled(DRAWN.replace("SAID", said))
    assert {source for source, target, _ in edges(file) if target == 13} == speakers


def test_a_team_of_agno_tells_what_each_member_answered() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.team import Team
        from openai import OpenAI

        news = Agent(name="news", role="Reads the news.")
        sky = Agent(name="sky", role="Looks at the sky.")
        team = Team(members=[news, sky], instructions="Lead.")
        done = team.run("What is up?")
        OpenAI().responses.create(model="m", input=done.member_responses[1].content)
        """
    )
    assert {edge for edge in edges(file) if edge[1] == 10} == {(7, 10, "data")}


def test_a_sequence_of_agents_gives_all_that_was_said_as_its_output() -> None:
    file = compiled(
        """
        from agent_framework import ChatAgent, SequentialBuilder

        plan = ChatAgent(chat_client=client, instructions="Plan.")
        write = ChatAgent(chat_client=client, instructions="Write.")
        judge = ChatAgent(chat_client=client, instructions="Judge.")

        async def main():
            events = await SequentialBuilder().participants([plan, write]).build().run("tides")
            said = "".join(one.text for one in events.get_outputs()[0])
            await judge.run(said)
        """
    )
    assert {edge for edge in edges(file) if edge[1] == 11} == {(9, 11, "data"), (5, 11, "data")}


def test_a_file_that_a_tool_writes_holds_what_its_agent_said() -> None:
    file = compiled(
        """
        from pathlib import Path
        from smolagents import CodeAgent, tool

        @tool
        def keep(text: str) -> str:
            Path("notes.md").write_text(text)
            return "kept"

        scout = CodeAgent(tools=[keep], model=model)
        writer = CodeAgent(tools=[], model=model)
        scout.run("Look for facts")
        writer.run("Write after " + Path("notes.md").read_text())
        """
    )
    assert edges(file) == {(12, 13, "data")}
