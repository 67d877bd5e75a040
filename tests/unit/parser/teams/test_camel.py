"""CAMEL: two agents that play roles, workers of a workforce, and tasks that agents divide."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning


def test_roles_that_are_played_in_a_loop_are_one_call_that_hears_its_answers() -> None:
    file = compiled(
        """
        from camel.societies import RolePlaying

        session = RolePlaying("coder", "trader", task_prompt="Make a bot.")
        message = session.init_chat()
        for _ in range(9):
            answer, request = session.step(message)
            message = answer.msg
        """
    )
    assert (lines(file), edges(file)) == ([7], {(7, 7, "loop")})
    assert said(file, 7)[0] == ("user", "Make a bot.", False)


def test_of_agents_that_are_given_to_play_roles_one_asks_and_the_other_hears_it() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.societies import RolePlaying

        coder = ChatAgent("Code.")
        trader = ChatAgent("Trade.")
        session = RolePlaying("coder", "trader", assistant_agent=coder, user_agent=trader)
        session.step("Go.")
        """
    )
    assert edges(file) == {(8, 5, "data")}
    assert said(file, 8)[0] == ("system", "Trade.", False)


def test_workers_may_play_roles_and_are_added_one_after_the_other() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.societies.workforce import Workforce

        plan = ChatAgent("Plan.")
        force = Workforce("travel")
        force.add_role_playing_worker("talk", "guide", "guest").add_single_agent_worker("p", plan)
        force.process_task(task)
        """
    )
    assert lines(file) == [5, 7, 8]
    assert turning(file) == [5, 7, 8]


def test_an_agent_divides_a_task() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.tasks import Task

        agent = ChatAgent("Divide.")
        parts = Task(content="Build.").decompose(agent=agent)
        """
    )
    assert lines(file) == [6]
    assert said(file, 6)[0] == ("system", "Divide.", False)


def test_messages_are_what_they_were_made_with() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.messages import BaseMessage

        told = BaseMessage.make_assistant_message(role_name="Coder", content="Code.")
        asked = BaseMessage.make_user_message(role_name="User", content="A game.")
        ChatAgent(told).step(asked)
        """
    )
    assert said(file, 7) == [("system", "Code.", False), ("user", "A game.", False)]


def test_a_model_of_the_factory_is_asked() -> None:
    file = compiled(
        """
        from camel.models import ModelFactory

        model = ModelFactory.create(model_platform=platform, model_type=kind)
        model.run([{"role": "user", "content": "Hi"}])
        """
    )
    assert lines(file) == [5]


def test_a_tool_that_a_function_is_wrapped_in_is_that_function() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.toolkits import FunctionTool

        helper = ChatAgent("Help.")

        def ask(question: str) -> str:
            return helper.step(question).msgs[0].content

        ChatAgent("Lead.", tools=[FunctionTool(ask)]).step("Go.")
        """
    )
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {
        (10, 8, "data"),
        (8, 10, "loop"),
    }
