"""PraisonAI: tasks in sequence or as they name each other, flows of steps, hand-offs."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning

AGENTS = """
from praisonaiagents import *

one = Agent(name="one", backstory="Old.", role="Finder", goal="Find.")
two = Agent(name="two", instructions="Write.")
three = Agent(name="three", instructions="Check.")
"""
"""Three agents, in the lines 4 to 6."""


def test_each_task_is_given_what_the_one_before_and_those_of_its_context_answered() -> None:
    file = compiled(
        AGENTS
        + """
a = Task(name="a", description="A.", agent=one)
b = Task(name="b", description="B.", agent=two)
c = Task(name="c", description="C.", agent=three)
d = Task(name="d", description="D.", agent=one, context=[b])
PraisonAIAgents(agents=[one, two, three], tasks=[a, b, c, d]).start()
"""
    )
    assert edges(file) == {(12, 9, "data"), (9, 10, "data"), (10, 11, "data"), (9, 11, "data")}
    assert [text for _, text, _ in said(file, 12)][:4] == ["Old.", "Finder", "Find.", "A."]


def test_without_tasks_the_agents_work_one_after_the_other() -> None:
    file = compiled(AGENTS + "AgentTeam(agents=[one, two, three]).start()")
    assert edges(file) == {(7, 5, "data"), (5, 6, "data")}


def test_in_a_workflow_tasks_are_followed_by_those_that_they_name() -> None:
    file = compiled(
        AGENTS
        + """
a = Task(name="a", description="A.", agent=one, is_start=True,
         condition={"yes": ["b"], "no": ["a"]})
b = Task(name="b", description="B.", agent=two, next_tasks=["c"])
c = Task(name="c", description="C.", agent=three)
AgentTeam(agents=[one, two, three], tasks=[a, b, c], process="workflow").start()
"""
    )
    assert edges(file) == {(12, 10, "data"), (10, 11, "data"), (12, 12, "loop")}
    assert turning(file) == [12]


def test_steps_of_a_flow_branch_run_side_by_side_and_are_joined() -> None:
    file = compiled(
        AGENTS
        + """
four = Agent(instructions="Join.")
steps = [one, route({"yes": [two], "default": [three]}), four]
Workflow(steps=steps).start("Go.")
AgentFlow(steps=[parallel([two, three]), four]).start("Go.")
"""
    )
    assert {(10, 5, "data"), (10, 6, "data"), (5, 8, "data"), (6, 8, "data")} < edges(file)
    assert (5, 6, "data") not in edges(file)
    assert next(call.fanout for call in file.calls if call.line == 11) == "fork"


def test_an_agent_asks_those_that_it_hands_off_to() -> None:
    file = compiled(
        """
        from praisonaiagents import Agent

        bill = Agent(name="bill", instructions="Bill.")
        Agent(name="desk", instructions="Sort.", handoffs=[bill]).start("Hi")
        """
    )
    assert edges(file) == {(5, 4, "data"), (4, 5, "loop"), (5, 5, "loop")}


def test_a_file_that_describes_a_team_is_one_call() -> None:
    file = compiled(
        """
        from praisonai import PraisonAI

        PraisonAI(agent_file="agents.yaml").run()
        """
    )
    assert lines(file) == [4]


def test_those_that_an_agent_hands_off_to_may_stand_with_what_they_are_sent() -> None:
    file = compiled(AGENTS + 'Agent(name="desk", handoffs=[(one, dict), (two, dict)]).start("Hi")')
    assert {edge for edge in edges(file) if edge[2] == "data"} == {(7, 4, "data"), (7, 5, "data")}
