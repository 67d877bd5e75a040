"""OpenAI's Swarm: agents hand on to those that their functions return."""

import pytest

from tests.unit.parser.compiled import compiled, edges, package
from tests.unit.parser.teams.speaking import said

SWARM = """
from swarm import Agent, Swarm
from swarm.types import Result

client = Swarm()

def to_sales():
    return TARGET

triage = Agent(name="triage", instructions="You decide who helps.", functions=[to_sales])
sales = Agent(name="sales", instructions="You sell bees.")

def main(text):
    return client.run(agent=triage, messages=[{"role": "user", "content": text}])
"""


@pytest.mark.parametrize("target", ["sales", 'Result(value="Sales.", agent=sales)'])
def test_an_agent_hands_on_to_whom_its_functions_return(target: str) -> None:
    file = compiled(SWARM.replace("TARGET", target))
    assert edges(file) == {(14, 11, "data")}
    assert said(file, 14)[:2] == [
        ("system", "You decide who helps.", False),
        ("user", "text", False),
    ]
    assert said(file, 11)[0] == ("system", "You sell bees.", False)


def test_functions_that_are_given_later_hand_back_and_forth() -> None:
    files = package(
        agents="""
        from swarm import Agent

        triage = Agent(name="triage", instructions="You decide who helps.")
        sales = Agent(name="sales", instructions="You sell bees.")

        def to_triage():
            return triage

        def to_sales():
            return sales

        triage.functions = [to_sales]
        sales.functions.append(to_triage)
        """,
        main="""
        from swarm.repl import run_demo_loop
        from agents import triage

        run_demo_loop(triage)
        """,
    )
    [run], [sales] = files["main.py"].calls, files["agents.py"].calls
    assert [(edge.call, edge.carried) for edge in sales.depends_on] == [
        (run.id, "data"),
        (sales.id, "loop"),
    ]
    assert {edge.call for edge in run.depends_on} == {run.id, sales.id}


def test_instructions_that_a_function_writes_are_the_agents() -> None:
    given = 'instructions="You decide who helps."'
    written = "instructions=lambda context: f'You help {context}.'"
    file = compiled(SWARM.replace("TARGET", "sales").replace(given, written))
    assert said(file, 14)[:3] == [
        ("system", "You help ", False),
        ("system", "context", False),
        ("system", ".", False),
    ]
