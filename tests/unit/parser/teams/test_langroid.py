"""Langroid: tasks that turn to other tasks, and agents that are asked without one."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

TASKS = """
import langroid as lr

def told(text):
    return lr.ChatAgentConfig(system_message=text)

lead = lr.Task(lr.ChatAgent(lr.ChatAgentConfig(system_message="Lead.")), interactive=False)
one = lr.Task(lr.ChatAgent(lr.ChatAgentConfig(system_message="One.")), single_round=True)[int]
two = lr.Task(lr.ChatAgent(told("Agent.")), system_message="Two.")
"""
"""Three tasks, in the lines 7 to 9."""


def test_a_task_asks_its_sub_tasks() -> None:
    file = compiled(TASKS + 'lead.add_sub_task([one, two])\nlead.run("Go.")')
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {
        (11, 8, "data"),
        (11, 9, "data"),
        (8, 11, "loop"),
        (9, 11, "loop"),
    }
    assert said(file, 11)[0] == ("system", "Lead.", False)


def test_a_task_of_one_type_of_answers_is_the_same_task() -> None:
    file = compiled(TASKS + 'one.run("Go.")')
    assert [text for _, text, _ in said(file, 10)] == ["One.", "Go."]


def test_an_agent_is_asked_by_itself_and_keeps_what_was_said() -> None:
    file = compiled(
        """
        from langroid import ChatAgent, ChatAgentConfig

        agent = ChatAgent(ChatAgentConfig(system_message="Be kind."))
        first = agent.llm_response("One?")
        agent.llm_response("Two?")
        """
    )
    assert edges(file) == {(5, 6, "data")}
    assert said(file, 5)[0] == ("system", "Be kind.", False)


def test_a_model_of_langroid_is_asked() -> None:
    file = compiled(
        """
        import langroid.language_models as lm

        model = lm.OpenAIGPT(lm.OpenAIGPTConfig(chat_model="m"))
        model.chat("Hi", max_tokens=10)
        """
    )
    assert lines(file) == [5]


def test_a_task_runs_over_many_inputs() -> None:
    file = compiled(
        TASKS + "from langroid.agent.batch import run_batch_tasks\nrun_batch_tasks(one, questions)"
    )
    assert lines(file) == [11]
    assert said(file, 11)[0] == ("system", "One.", False)


def test_a_class_says_what_its_settings_tell_an_agent() -> None:
    file = compiled(
        """
        import langroid as lr

        class WriterConfig(lr.ChatAgentConfig):
            system_message: str = "Write well."

        lr.ChatAgent(WriterConfig()).llm_response("Go.")
        """
    )
    assert said(file, 7)[0] == ("system", "Write well.", False)


def test_a_message_that_an_agent_may_send_asks_for_it() -> None:
    file = compiled(
        """
        import langroid as lr

        class Ask(lr.ToolMessage):
            question: str

            def handle(self):
                return helper.llm_response(self.question).content

        helper = lr.ChatAgent(lr.ChatAgentConfig(system_message="Help."))
        lead = lr.ChatAgent(lr.ChatAgentConfig(system_message="Lead."))
        lead.enable_message(Ask)
        lr.Task(lead, interactive=False).run("Go.")
        """
    )
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {
        (13, 8, "data"),
        (8, 13, "loop"),
    }
