"""The framework swarms: agents in sequence, side by side, in layers, by a text or a graph."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning

AGENTS = """
from swarms import *

find = Agent(agent_name="find", system_prompt="Find.")
check = Agent(agent_name="check", system_prompt="Check.")
write = Agent(agent_name="write", system_prompt="Write.")
"""
"""Three agents, in the lines 4 to 6."""


def test_in_a_sequence_each_hears_all_before() -> None:
    file = compiled(AGENTS + 'SequentialWorkflow(agents=[find, check, write]).run("Go.")')
    assert edges(file) == {(7, 5, "data"), (7, 6, "data"), (5, 6, "data")}
    assert turning(file) == []


def test_a_sequence_of_several_loops_begins_anew_with_what_was_said() -> None:
    file = compiled(AGENTS + 'SequentialWorkflow([find, write], max_loops=2).run("Go.")')
    assert {(6, 7, "loop"), (7, 7, "loop")} < edges(file)
    assert turning(file) == [6, 7]


def test_agents_that_work_concurrently_run_side_by_side_and_hear_nobody() -> None:
    file = compiled(AGENTS + 'ConcurrentWorkflow(agents=[find, check]).run("Go.")')
    assert edges(file) == set()
    assert [call.fanout for call in file.calls] == ["fork", "fork"]


def test_a_text_says_who_works_after_whom_and_who_side_by_side() -> None:
    file = compiled(
        AGENTS
        + """
flow = f"{find.agent_name} -> check, write"
AgentRearrange(agents=[find, check, write], flow=flow).run("Go.")
"""
    )
    assert edges(file) == {(9, 5, "data"), (9, 6, "data")}
    assert all(call.fanout == "fork" for call in file.calls if call.line in (5, 6))


def test_of_a_flow_that_is_not_at_hand_nobody_is_known_to_hear_another() -> None:
    file = compiled(AGENTS + 'AgentRearrange(agents=[find, write], flow=read()).run("Go.")')
    assert (lines(file), edges(file)) == ([6, 7], set())


def test_in_a_mixture_layers_hear_the_layer_before_and_the_aggregator_hears_all() -> None:
    file = compiled(
        AGENTS + 'MixtureOfAgents(agents=[find, check], aggregator_agent=write).run("Go.")'
    )
    assert {edge for edge in edges(file) if edge[1] == 6} == {(7, 6, "data"), (5, 6, "data")}
    assert {(5, 7, "loop"), (7, 5, "loop"), (5, 5, "loop"), (7, 7, "loop")} <= edges(file)
    assert turning(file) == [5, 7]


def test_a_mixture_of_one_layer_goes_through_once() -> None:
    file = compiled(AGENTS + 'MixtureOfAgents(agents=[find, check], layers=1).run("Go.")')
    assert turning(file) == []


def test_a_director_asks_its_agents_as_tools() -> None:
    file = compiled(
        AGENTS
        + 'HierarchicalSwarm(agents=[find, check], director_system_prompt="Lead.").run("Go.")'
    )
    assert {(7, 4, "data"), (7, 5, "data"), (4, 7, "loop"), (5, 7, "loop")} < edges(file)
    assert said(file, 7)[0] == ("system", "Lead.", False)


def test_a_router_is_the_team_that_it_is_told_to_be() -> None:
    program = 'SwarmRouter(agents=[find, check], swarm_type="ConcurrentWorkflow").run("Go.")'
    file = compiled(AGENTS + program)
    assert [call.fanout for call in file.calls] == ["fork", "fork"]
    assert edges(compiled(AGENTS + 'SwarmRouter(agents=[find, check]).run("Go.")')) == {
        (7, 5, "data")
    }


def test_in_a_graph_each_is_given_what_those_answered_that_lead_to_it() -> None:
    file = compiled(
        AGENTS
        + """
graph = GraphWorkflow()
graph.add_node(find)
graph.add_nodes([check, write])
graph.add_edge("find", "write")
graph.add_edge(check, write)
graph.run("Go.")
"""
    )
    assert edges(file) == {(13, 6, "data"), (5, 6, "data")}
    assert [call.line for call in file.calls if call.fanout == "fork"] == [5, 13]


def test_nodes_and_edges_of_a_graph_may_be_objects() -> None:
    file = compiled(
        AGENTS
        + """
graph = GraphWorkflow()
graph.add_node(Node(id="one", agent=find))
graph.add_node(Node(id="two", agent=write))
graph.add_edge(Edge(source="one", target="two"))
graph.run("Go.")
"""
    )
    assert edges(file) == {(12, 6, "data")}


def test_a_function_runs_agents_side_by_side() -> None:
    file = compiled(
        AGENTS
        + """
from swarms.structs.multi_agent_exec import run_agents_concurrently
run_agents_concurrently([find, check], "Go.")
"""
    )
    assert lines(file) == [5, 9]
    assert [call.fanout for call in file.calls] == ["fork", "fork"]


def test_several_agents_that_one_place_makes_run_side_by_side() -> None:
    file = compiled(
        """
        from swarms import Agent, ConcurrentWorkflow

        agents = [Agent(agent_name=name) for name in read()]
        ConcurrentWorkflow(agents=agents).run("Go.")
        """
    )
    assert [call.fanout for call in file.calls] == ["fork"]


def test_agents_that_are_served_are_called() -> None:
    file = compiled(AGENTS + "server = AOP()\nserver.add_agent(find)\nserver.run()")
    assert lines(file) == [4]
