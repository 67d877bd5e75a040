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
