"""Strands: agents that are called, swarms and graphs."""

from tests.unit.parser.compiled import compiled, edges, only
from tests.unit.parser.teams.speaking import said

STRANDS = """
from strands import Agent, tool
from strands.multiagent import GraphBuilder, Swarm

@tool
def research(query):
    helper = Agent(system_prompt="You research.")
    return str(helper(query))

lead = Agent(name="lead", system_prompt="You lead.", tools=[research])
scribe = Agent(name="scribe", system_prompt="You write.")

def main(text):
    RUN
"""


def test_an_agent_of_strands_is_asked_by_calling_it_and_asks_agents_in_its_tools() -> None:
    file = compiled(STRANDS.replace("RUN", "return lead(text)"))
    assert {(14, 8, "data"), (8, 14, "loop")} <= edges(file)
    assert said(file, 14)[:2] == [("system", "You lead.", False), (None, "text", False)]


def test_agents_of_a_strands_swarm_go_on_after_each_other() -> None:
    file = compiled(STRANDS.replace("RUN", "return Swarm([lead, scribe])(text)"))
    assert {(14, 11, "data"), (11, 14, "loop")} <= edges(file)


def test_agents_of_a_strands_graph_go_on_along_its_edges() -> None:
    graph = "graph = GraphBuilder()\n    graph.add_node(lead, 'one')\n"
    graph += "    graph.add_node(scribe, 'two')\n    graph.add_edge('one', 'two')\n"
    file = compiled(STRANDS.replace("RUN", f"{graph}    return graph.build()(text)"))
    assert {(18, 11, "data")} <= edges(file)
    assert said(file, 11)[0] == ("system", "You write.", False)


def test_an_agent_that_is_called_in_a_thread_has_its_own_instructions() -> None:
    file = compiled(
        """
        import asyncio
        from strands import Agent

        async def research(topic):
            agent = Agent(system_prompt="You research one topic, thoroughly.")
            return await asyncio.to_thread(agent, f"Research {topic}")
        """
    )
    assert only(file).segments[0].text == "You research one topic, thoroughly."


def test_the_entry_point_of_a_swarm_speaks_first() -> None:
    swarm = "Swarm([lead, scribe], entry_point=scribe)"
    file = compiled(STRANDS.replace("RUN", f"return {swarm}(text)"))
    assert {(14, 10, "data"), (10, 14, "loop")} <= edges(file)
    assert said(file, 14)[0] == ("system", "You write.", False)
