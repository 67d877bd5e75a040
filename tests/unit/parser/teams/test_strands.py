"""Strands: agents that are called, swarms and graphs."""

from tests.unit.parser.compiled import compiled, edges, lines, only
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


GRAPH = """
from strands import Agent
from strands.multiagent import GraphBuilder

find = Agent(system_prompt="You find.")
check = Agent(system_prompt="You check.")
write = Agent(system_prompt="You write.")

def main(text):
    graph = GraphBuilder()
    first = graph.add_node(find, "find")
    second = graph.add_node(check, "check")
    third = graph.add_node(write, "write")
    graph.add_edge(first, second)
    graph.add_edge(second, third)
    graph.set_execution_timeout(60)
    return graph.build()(text)
"""


def test_an_agent_of_a_strands_graph_hears_those_that_edges_lead_from_alone() -> None:
    file = compiled(GRAPH)
    assert edges(file) == {(17, 6, "data"), (6, 7, "data")}


def test_each_agent_of_a_strands_graph_is_told_the_task() -> None:
    assert said(compiled(GRAPH), 7)[:2] == [("system", "You write.", False), (None, "text", False)]


def test_an_agent_of_strands_keeps_what_it_was_asked_and_answered() -> None:
    file = compiled(
        """
        from strands import Agent

        def debate(motion):
            speaker = Agent(system_prompt="You speak for the motion.")
            for turn in range(3):
                speech = speaker(motion)
            return speaker("Sum up what you said.")
        """
    )
    assert edges(file) == {(7, 7, "loop"), (7, 8, "data")}


def test_an_agent_of_strands_whose_messages_are_emptied_begins_anew() -> None:
    file = compiled(
        """
        from strands import Agent

        agent = Agent(system_prompt="You help.")
        agent("Tell of tea.")
        agent.messages = []
        agent("Tell of milk.")
        """
    )
    assert edges(file) == set()


def test_a_structured_answer_of_strands_is_asked_for_by_the_prompt_behind_its_schema() -> None:
    file = compiled(
        """
        from strands import Agent

        def greet(text, Name):
            name = Agent(system_prompt="You find names.")(text)
            return Agent(system_prompt="You greet.").structured_output(Name, f"Greet {name}.")
        """
    )
    assert edges(file) == {(5, 6, "data")}


def test_an_agent_as_a_tool_of_strands_is_asked_by_its_caller() -> None:
    file = compiled(
        """
        from strands import Agent

        scribe = Agent(system_prompt="You write.")
        lead = Agent(system_prompt="You lead.", tools=[scribe.as_tool(name="scribe")])
        lead("Tell of tea.")
        """
    )
    assert edges(file) == {(6, 4, "data"), (4, 6, "loop"), (6, 6, "loop")}


def test_an_agent_of_strands_that_a_function_serves_is_a_call() -> None:
    file = compiled(
        """
        from strands import Agent
        from strands.multiagent.a2a import A2AServer

        def main():
            agent = Agent(name="count", system_prompt="You count.")
            A2AServer(agent=agent).serve()
        """
    )
    assert said(file, 6) == [("system", "You count.", False)]


def test_an_agent_of_strands_that_a_dict_holds_is_called_by_its_key() -> None:
    file = compiled(
        """
        from strands import Agent

        class Team:
            def __init__(self):
                self.agents = self.made()

            def made(self):
                return {
                    "find": Agent(system_prompt="You find."),
                    "write": Agent(system_prompt="You write."),
                }

            def answer(self, text):
                found = self.agents["find"](text)
                return self.agents["write"](f"Write of {found}")
        """
    )
    assert edges(file) == {(15, 16, "data")}
    assert said(file, 16)[0] == ("system", "You write.", False)


def test_a_tool_that_asks_a_model_is_a_call_where_a_program_uses_it() -> None:
    file = compiled(
        """
        from strands import Agent
        from strands_tools import memory, use_llm

        agent = Agent(tools=[memory, use_llm])

        def work(text):
            kind = agent.tool.use_llm(prompt=f"Query: {text}", system_prompt="Sort it.")
            return agent.tool.use_llm(prompt=f"Answer as a {kind}", system_prompt="Answer it.")
        """
    )
    assert edges(file) == {(8, 9, "data")}
    assert said(file, 8)[:2] == [("system", "Sort it.", False), (None, "Query: ", False)]


def test_an_object_of_a_class_that_is_made_from_an_agent_of_strands_is_asked_by_calling_it() -> (
    None
):
    file = compiled(
        """
        from strands import Agent

        class Finder(Agent):
            def __init__(self):
                super().__init__(system_prompt="You find.")

        def answer(text):
            finder = Finder()
            return finder(text)
        """
    )
    assert lines(file) == [10]
    assert said(file, 10)[0] == ("system", "You find.", False)
