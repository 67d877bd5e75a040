"""AG2 and AutoGen 0.2: chats of two, groups, patterns and nested chats."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning

CHAT = """
from autogen import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent

config = {"model": "m"}
user = UserProxyAgent("user", code_execution_config={})
coder = AssistantAgent("coder", llm_config=config, system_message="Code.")
planner = AssistantAgent("planner", llm_config=config, system_message="Plan.")

def work(task):
    chat = GroupChat([user, coder, planner], messages=[], METHOD)
    manager = GroupChatManager(groupchat=chat, llm_config=config)
    TALK
"""


def chat(talk: str, method: str = "max_round=9") -> CompiledFile:
    return compiled(CHAT.replace("TALK", talk).replace("METHOD", method))


def test_a_manager_asks_who_speaks_next_and_who_has_no_model_is_no_call() -> None:
    file = chat("user.initiate_chat(manager, message=task)")
    assert lines(file) == [6, 7, 12]
    assert edges(file) == {
        (6, 12, "loop"),
        (7, 12, "loop"),
        (6, 6, "loop"),
        (6, 7, "data"),
        (7, 6, "loop"),
        (7, 7, "loop"),
    }


def test_a_manager_that_takes_the_speakers_in_turn_asks_nothing_itself() -> None:
    method = 'speaker_selection_method="round_robin"'
    file = chat("user.initiate_chat(manager, message=task)", method)
    assert lines(file) == [7, 12]
    assert said(file, 12)[0] == ("system", "Code.", False)


def test_an_agent_answers_a_user_again_and_again() -> None:
    file = chat("user.initiate_chat(coder, message=task)")
    assert edges(file) == {(12, 12, "loop")}
    assert said(file, 12)[0] == ("system", "Code.", False)


def test_a_chat_of_one_turn_is_one_answer() -> None:
    file = chat("user.initiate_chat(coder, message=task, max_turns=1)")
    assert (edges(file), turning(file)) == (set(), [])


def test_two_agents_with_models_answer_each_other() -> None:
    file = chat("planner.initiate_chat(coder, message=task)")
    assert edges(file) == {(12, 7, "data"), (7, 12, "loop"), (12, 12, "loop"), (7, 7, "loop")}


PATTERN = """
from autogen import ConversableAgent
from autogen.agentchat import initiate_group_chat
from autogen.agentchat.group import AgentTarget, OnCondition
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern

config = {"model": "m"}
desk = ConversableAgent("desk", system_message="Sort.", llm_config=config)
nurse = ConversableAgent("nurse", system_message="Help.", llm_config=config)
human = ConversableAgent("human", human_input_mode="ALWAYS")
HANDOFFS
pattern = PATTERN(initial_agent=desk, agents=[desk, nurse], user_agent=human)
result = initiate_group_chat(pattern=pattern, messages="My head aches.", max_rounds=9)
"""


def test_a_pattern_that_a_model_steers_is_a_group_with_a_selector() -> None:
    file = compiled(PATTERN.replace("= PATTERN", "= AutoPattern").replace("HANDOFFS", ""))
    assert lines(file) == [8, 9, 13]
    assert {(8, 13, "loop"), (9, 13, "loop"), (8, 9, "data"), (9, 8, "loop")} <= edges(file)


@pytest.mark.parametrize(
    ("handoffs", "joined"),
    [
        ("", set()),
        (
            "desk.handoffs.add_llm_conditions([OnCondition(target=AgentTarget(nurse))])",
            {(13, 9, "data")},
        ),
    ],
)
def test_in_other_patterns_an_agent_hands_on_to_those_that_are_declared(
    handoffs: str, joined: set[tuple[int, int, str]]
) -> None:
    source = PATTERN.replace("= PATTERN", "= DefaultPattern").replace("HANDOFFS", handoffs)
    assert edges(compiled(source)) == joined


def test_chats_one_after_the_other_hear_those_before_and_have_messages_of_their_own() -> None:
    file = compiled(
        CHAT.replace(
            "TALK",
            'user.initiate_chats([{"recipient": planner, "message": "Plan it."}, '
            '{"recipient": coder, "message": "Code it."}])',
        ).replace("METHOD", "max_round=9")
    )
    assert edges(file) == {(12, 6, "data")}
    assert said(file, 12) == [("system", "Plan.", False), (None, "Plan it.", False)]
    assert said(file, 6)[:2] == [("system", "Code.", False), (None, "Code it.", False)]


NESTED = """
from autogen import AssistantAgent, UserProxyAgent

writer = AssistantAgent("writer", llm_config={"model": "m"}, system_message="Write.")
critic = AssistantAgent("critic", llm_config={"model": "m"}, system_message="Criticise.")
lawyer = AssistantAgent("lawyer", llm_config={"model": "m"}, system_message="Check.")
user = UserProxyAgent("user")

CHATS = [{"recipient": critic, "message": "?"}, {"recipient": lawyer, "message": "?"}]
user.register_nested_chats(CHATS, trigger=writer)

def main(task):
    return user.initiate_chat(recipient=writer, message=task, max_turns=2)
"""


def test_what_an_agent_says_goes_through_nested_chats_before_it_is_answered() -> None:
    file = compiled(NESTED)
    assert edges(file) == {
        (13, 5, "data"),
        (5, 6, "data"),
        (6, 13, "loop"),
        (13, 13, "loop"),
    }
    assert turning(file) == [5, 6, 13]


def test_two_agents_of_which_none_asks_a_model_are_no_team() -> None:
    file = compiled("""
        from autogen import ConversableAgent, UserProxyAgent

        rag = ConversableAgent("rag", llm_config=False)
        user = UserProxyAgent("user")
        user.initiate_chat(rag, message="Who are you?")
        """)
    assert edges(file) == set()


SWARM = """
from autogen import AFTER_WORK, ON_CONDITION, SwarmAgent, SwarmResult, initiate_swarm_chat

config = {"model": "m"}

def plan_it(plan, context_variables):
    RETURNING

lead = SwarmAgent("lead", llm_config=config, functions=plan_it)
planner = SwarmAgent("planner", llm_config=config)
writer = SwarmAgent("writer", llm_config=config)
planner.register_hand_off([ON_CONDITION(writer, "when it is planned")])
initiate_swarm_chat(initial_agent=lead, agents=[lead, planner, writer], messages="Write.")
"""


@pytest.mark.parametrize(
    "returning", ['return SwarmResult(agent="planner")', "return SwarmResult(agent=planner)"]
)
def test_agents_of_a_swarm_hand_on_as_they_and_their_functions_declare(returning: str) -> None:
    file = compiled(SWARM.replace("RETURNING", returning))
    assert edges(file) == {(13, 10, "data"), (13, 11, "data"), (10, 11, "data")}
    assert turning(file) == []


def test_a_function_that_is_a_target_leads_to_those_that_it_names() -> None:
    file = compiled("""
        from autogen import ConversableAgent
        from autogen.agentchat.group import AgentNameTarget, FunctionTarget, FunctionTargetResult
        from autogen.agentchat.group.multi_agent_chat import run_group_chat
        from autogen.agentchat.group.patterns import DefaultPattern

        writer = ConversableAgent("writer", llm_config={"model": "m"})
        judge = ConversableAgent("judge", llm_config={"model": "m"})

        def check(text, context_variables):
            return FunctionTargetResult(messages=text, target=AgentNameTarget("judge"))

        writer.handoffs.set_after_work(FunctionTarget(check))
        pattern = DefaultPattern(initial_agent=writer, agents=[writer, judge])
        run_group_chat(pattern=pattern, messages="Write.", max_rounds=8)
        """)
    assert edges(file) == {(15, 8, "data")}


@pytest.mark.parametrize("run", ["run", "run_iter"])
def test_a_run_that_is_iterated_is_a_chat_too(run: str) -> None:
    assert edges(chat(f"planner.{run}(coder, message=task)")) == edges(
        chat("planner.initiate_chat(coder, message=task)")
    )


def test_an_agent_of_the_newer_library_is_asked_and_its_tools_may_ask_others() -> None:
    file = compiled("""
        from ag2 import Agent

        helper = Agent("helper", "You help.")

        async def look(question):
            reply = await helper.ask(f"Look for {question}")
            return reply.body

        lead = Agent("lead", prompt="You lead.", tools=[look])

        async def main():
            first = await lead.ask("What is up?")
            await helper.ask(f"Sum up {first.body}")
        """)
    assert edges(file) == {
        (13, 7, "data"),
        (7, 13, "loop"),
        (13, 13, "loop"),
        (13, 14, "data"),
    }
    assert said(file, 13)[0] == ("system", "You lead.", False)


REGISTERED = """
from autogen import AssistantAgent, UserProxyAgent, register_function

expert = AssistantAgent("expert", llm_config={"model": "m"})
asker = UserProxyAgent("asker")

def ask(question):
    asker.initiate_chat(expert, message=question, max_turns=1)
    return asker.last_message()["content"]

student = AssistantAgent("student", llm_config=CONFIG)
user = UserProxyAgent("user")
REGISTER
user.initiate_chat(student, message="Solve it.")
"""


@pytest.mark.parametrize(
    ("config", "register"),
    [
        ('{"model": "m"}', "register_function(ask, caller=student, executor=user)"),
        ('{"model": "m"}', 'student.register_for_llm(description="Asks.")(ask)'),
        ('{"functions": [{"name": "ask"}]}', 'user.register_function({"ask": ask})'),
        ('{"tools": [{"function": {"name": "ask"}}]}', 'user.register_function({"ask": ask})'),
    ],
)
def test_a_function_that_is_registered_for_an_agent_is_its_tool(config: str, register: str) -> None:
    file = compiled(REGISTERED.replace("CONFIG", config).replace("REGISTER", register))
    assert edges(file) == {(14, 8, "data"), (8, 14, "loop"), (14, 14, "loop")}


def test_a_function_that_is_registered_for_nobody_is_no_tool() -> None:
    file = compiled(REGISTERED.replace("CONFIG", '{"model": "m"}').replace("REGISTER", ""))
    assert edges(file) == {(14, 14, "loop")}
