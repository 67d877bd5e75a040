"""smolagents: a manager and the agents that it asks."""

from tests.unit.parser.compiled import compiled, edges, lines, package
from tests.unit.parser.teams.speaking import said, turning

MANAGED = """
from smolagents import CodeAgent, InferenceClientModel, ToolCallingAgent

model = InferenceClientModel()
searcher = ToolCallingAgent([], model, name="searcher", instructions="Search with care.")
manager = CodeAgent([], model, managed_agents=[MEMBER], instructions="Lead.")

def work(question):
    return manager.run(question)
"""


def test_a_managed_agent_is_a_call_where_it_is_made_and_reports_to_its_manager() -> None:
    file = compiled(MANAGED.replace("MEMBER", "searcher"))
    assert edges(file) == {(9, 5, "data"), (5, 9, "loop"), (9, 9, "loop")}
    assert turning(file) == [5, 9]
    assert [call.family for call in file.calls] == ["smolagents", "smolagents"]


def test_a_manager_keeps_its_steps_and_the_reports_and_a_managed_agent_begins_anew() -> None:
    file = compiled(MANAGED.replace("MEMBER", "searcher"))
    assert said(file, 9) == [
        ("system", "Lead.", False),
        (None, "question", False),
        ("assistant", "manager", True),
        ("tool", "searcher", True),
    ]
    assert said(file, 5) == [("system", "Search with care.", False), ("user", "manager", False)]


def test_an_agent_that_is_made_where_it_is_handed_over_is_found_there() -> None:
    made = 'ToolCallingAgent([], model, name="finder")'
    assert lines(compiled(MANAGED.replace("MEMBER", made))) == [6, 9]


def test_members_that_are_not_at_hand_leave_the_call_of_their_manager() -> None:
    source = MANAGED.replace("managed_agents=[MEMBER]", "managed_agents=members_for(model)")
    assert lines(compiled(source)) == [9]


def test_a_team_that_is_all_at_hand_is_told_nothing_of() -> None:
    assert compiled(MANAGED.replace("MEMBER", "searcher")).errors == ()


def test_an_agent_of_another_file_is_a_call_of_that_file() -> None:
    files = package(
        helpers="""
        from smolagents import InferenceClientModel, ToolCallingAgent

        searcher = ToolCallingAgent([], InferenceClientModel(), name="searcher")
        """,
        main="""
        from pkg.helpers import searcher
        from smolagents import CodeAgent, InferenceClientModel

        manager = CodeAgent([], InferenceClientModel(), managed_agents=[searcher])
        print(manager.run("Who won?"))
        """,
    )
    assert lines(files["helpers.py"]) == [4]
    assert [edge.call for edge in files["helpers.py"].calls[0].depends_on] == [
        files["main.py"].calls[0].id
    ]


def test_a_method_that_a_class_has_of_its_own_is_followed_instead_of_its_bases() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from smolagents import CodeAgent

        class Own(CodeAgent):
            def run(self, task):
                prompt = f"Answer in one short sentence, and leave all else out: {task}"
                return OpenAI().responses.create(model="m", input=prompt).output_text

        def main(task):
            return Own(tools=[], model=None).run(task)
        """
    )
    assert {call.family for call in file.calls} == {"openai.responses"}


def test_a_run_that_a_page_streams_is_a_call_of_the_manager() -> None:
    source = MANAGED.replace("manager.run(question)", "stream_to_gradio(manager, task=question)")
    file = compiled(
        source.replace("import ", "import stream_to_gradio, ", 1).replace("MEMBER", "searcher")
    )
    assert edges(file) == {(9, 5, "data"), (5, 9, "loop"), (9, 9, "loop")}


REPORTED = """
from smolagents import CodeAgent, InferenceClientModel, tool

reporter = CodeAgent(tools=[], model=InferenceClientModel())

def report(topic):
    return reporter.run(f"Write a short report on this topic: {topic}")

@tool
def reported(topic: str) -> str:
    return report(topic)

producer = CodeAgent(tools=[GIVEN], model=InferenceClientModel())

def work(question):
    return producer.run(question)
"""


def test_an_agent_that_a_tool_runs_is_repeated_with_its_caller() -> None:
    assert turning(compiled(REPORTED.replace("GIVEN", "reported"))) == [7, 16]


def test_an_agent_that_no_caller_has_as_a_tool_is_not() -> None:
    assert turning(compiled(REPORTED.replace("GIVEN", ""))) == []


def test_an_agent_behind_a_page_of_gradio_is_called() -> None:
    file = compiled(
        """
        from smolagents import CodeAgent, GradioUI

        agent = CodeAgent(tools=[], model=model, instructions="Help.")
        GradioUI(agent).launch()
        """
    )
    assert lines(file) == [4]


def test_a_tool_that_is_a_class_is_asked_by_the_agent_that_has_it() -> None:
    file = compiled(
        """
        from smolagents import CodeAgent, Tool

        class Ask(Tool):
            def forward(self, question):
                return CodeAgent(tools=[], model=model).run(question)

        CodeAgent(tools=[Ask()], model=model).run("Go.")
        """
    )
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {(8, 6, "data"), (6, 8, "loop")}
