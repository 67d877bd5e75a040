"""Agno: a team's leader and members, and agents that are served or held."""

from tests.unit.parser.compiled import compiled, edges, lines, package
from tests.unit.parser.teams.speaking import turning


def test_a_team_of_agno_is_its_leader_who_asks_the_members() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        team = Team(members=[web], instructions="Lead.")
        team.print_response("News?", stream=True)
        """
    )
    assert edges(file) == {(7, 5, "data"), (5, 7, "loop"), (7, 7, "loop")}


def test_what_a_server_of_agents_is_made_with_is_called() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.os import AgentOS
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        team = Team(members=[web], instructions="Lead.")
        server = AgentOS(teams=[team])
        """
    )
    assert edges(file) == {(7, 6, "data"), (6, 7, "loop"), (7, 7, "loop")}


def test_an_agent_that_a_class_holds_begins_anew_each_time_that_it_is_asked() -> None:
    file = compiled(
        """
        from agno.agent import Agent

        class Desk:
            searcher = Agent(name="searcher", instructions="Search.")

            def work(self, topic):
                return self.searcher.run(f"Find {topic}")
        """
    )
    assert (edges(file), turning(file)) == (set(), [])


def test_what_a_server_is_made_with_does_not_hear_each_other() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.os import AgentOS
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        desk = Agent(name="desk", role="Answers.")
        team = Team(members=[web], instructions="Lead.")
        server = AgentOS(agents=[desk], teams=[team])
        """
    )
    assert {edge for edge in edges(file) if 7 in edge} == set()
    assert lines(file) == [6, 7, 8]


def test_of_a_condition_one_branch_is_given_what_the_step_before_answered() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.workflow import Step, Workflow
        from agno.workflow.condition import Condition

        find = Agent(name="find", instructions="Find.")
        deep = Agent(name="deep", instructions="Dig.")
        brief = Agent(name="brief", instructions="Be brief.")
        choice = Condition(evaluator=check, steps=[deep], else_steps=[brief])
        Workflow(steps=[Step(agent=find), choice]).run("Tell me.")
        """
    )
    assert edges(file) == {(10, 7, "data"), (10, 8, "data")}


def test_a_global_is_the_team_that_a_function_sets_it_to_whichever_comes_first() -> None:
    files = package(
        held="""
        from .hotel import make_desk

        desk = None

        def current():
            if desk is None:
                raise RuntimeError("closed")
            return desk

        def open_desk():
            global desk
            desk = make_desk()
        """,
        hotel="""
        from agno.team import Team
        from .staff import porter

        def make_desk():
            return Team(members=[porter], instructions="Welcome guests.")
        """,
        asking="""
        from .held import current

        def welcome(guest):
            return current().run(guest)
        """,
        staff="""
        from agno.agent import Agent

        porter = Agent(name="porter", role="Carries.")
        """,
    )
    assert lines(files["asking.py"]) == [5]
    assert lines(files["staff.py"]) == [4]


STEPS = """
from agno.agent import Agent
from agno.workflow import Router, Step, StepOutput, Workflow

find = Agent(name="find", instructions="Find.")
plan = Agent(name="plan", instructions="Plan.")
write = Agent(name="write", instructions="Write.")

def planned(step_input):
    got = plan.run(f"Plan with {step_input.previous_step_content}")
    return StepOutput(content=got.content)

def picked(step_input):
    return StepOutput(content=step_input.get_step_content("find"))

def passed(step_input):
    return StepOutput(content="Go on.")
"""
"""Agents in the lines 5 to 7, and functions for steps, of which the first asks in line 10."""


def test_a_function_that_is_a_step_is_told_the_answer_before_it_and_tells_the_next() -> None:
    file = compiled(STEPS + 'Workflow(steps=[Step(agent=find), planned, write]).run("Go.")')
    assert edges(file) == {(18, 10, "data"), (10, 7, "data")}


def test_a_step_gets_what_another_answered_by_its_name() -> None:
    steps = '[Step(name="find", agent=find), planned, Step(executor=picked), write]'
    file = compiled(STEPS + f'Workflow(steps={steps}).run("Go.")')
    assert edges(file) == {(18, 10, "data"), (18, 7, "data")}


def test_what_a_step_does_not_return_reaches_no_later_one() -> None:
    file = compiled(STEPS + 'Workflow(steps=[find, passed, write]).run("Go.")')
    assert edges(file) == set()


def test_a_workflow_of_functions_alone_is_no_call_and_answers_what_they_return() -> None:
    file = compiled(
        STEPS + 'out = Workflow(steps=[planned]).run("Go.")\nwrite.run(f"Write {out.content}")'
    )
    assert (lines(file), edges(file)) == ([10, 19], {(10, 19, "data")})


def test_one_function_may_be_all_of_a_workflow() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.workflow import Workflow

        find = Agent(name="find", instructions="Find.")
        write = Agent(name="write", instructions="Write.")

        def work(workflow, execution_input):
            return write.run(f"Write {find.run(execution_input.input).content}")

        Workflow(steps=work).print_response("Go.")
        """
    )
    assert (lines(file), edges(file)) == ([9, 9], {(9, 9, "data")})


def test_of_a_routers_choices_each_may_be_taken() -> None:
    program = 'Router(name="r", choices=[Step(agent=find), Step(agent=plan)], selector=choose)'
    file = compiled(STEPS + f'Workflow(steps=[{program}, write]).run("Go.")')
    assert {edge for edge in edges(file) if edge[1] == 7} == {(6, 7, "data"), (18, 7, "data")}


def test_a_team_that_routes_is_answered_for_by_the_member_that_it_chooses() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        Team(members=[web], mode="route", instructions="Choose.").run("News?")
        """
    )
    assert edges(file) == {(6, 5, "data")}


def test_agents_of_phis_playground_are_called() -> None:
    file = compiled(
        """
        from phi.agent import Agent
        from phi.playground import Playground

        app = Playground(agents=[Agent(name="web", role="Searches.")]).get_app()
        """
    )
    assert lines(file) == [5]


def test_an_agent_hears_what_was_said_before_only_where_it_is_told_to_keep_it() -> None:
    program = """
from agno.agent import Agent

chat = Agent(instructions="Chat."{})
chat.run("One.")
chat.run("Two.")
"""
    assert edges(compiled(program.replace("{}", ", add_history_to_context=True"))) == {
        (5, 6, "data")
    }
    assert edges(compiled(program.replace("{}", ""))) == set()


def test_an_object_that_is_called_may_be_a_step() -> None:
    file = compiled(
        STEPS
        + """
class Judge:
    def __call__(self, step_input):
        return plan.run(f"Judge {step_input.previous_step_content}")

Workflow(steps=[find, Step(executor=Judge())]).run("Go.")
"""
    )
    assert (23, 21, "data") in edges(file)


CHOSEN = """
from agno.agent import Agent
from agno.workflow import Loop, Parallel, Workflow

plan = Agent(name="plan", instructions="Plan.")
draft = Agent(name="draft", instructions="Draft.")
check = Agent(name="check", instructions="Check.")
short = Agent(name="short", instructions="Write a short text.")
print_ = Agent(name="print", instructions="Print it.")

def main(text, brief):
    if brief:
        chosen = Workflow(name="brief", steps=FIRST)
    else:
        chosen = Workflow(name="other", steps=[plan, draft])
    return chosen.run(text)
"""


def test_what_one_of_several_teams_repeats_is_not_repeated_by_another() -> None:
    file = compiled(CHOSEN.replace("FIRST", "[Loop(steps=[short, check])]"))
    assert turning(file) == [7, 16]


def test_what_one_of_several_teams_runs_side_by_side_is_alone_in_another() -> None:
    file = compiled(CHOSEN.replace("FIRST", "[Parallel(short, check), print_]"))
    assert [call.line for call in file.calls if call.fanout] == [7, 16]
