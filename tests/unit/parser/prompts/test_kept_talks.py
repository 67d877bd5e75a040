"""Conversations that servers and frameworks keep under a name: what is said in one is heard in it
later."""

import pytest

from tests.unit.parser.compiled import compiled, edges

RESPONSES = """
from openai import OpenAI

client = OpenAI()
one = client.conversations.create()
two = client.conversations.create()
plan = client.responses.create(model="m", conversation=one.id, input="Plan a trip to Rome.")
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("conversation=one.id", {(7, 8, "data")}),
        ("conversation=one", {(7, 8, "data")}),
        ("conversation=two.id", set()),
        ("store=True", set()),
    ],
)
def test_a_response_goes_on_from_what_its_conversation_holds(
    given: str, found: set[tuple[int, int, str]]
) -> None:
    again = f'client.responses.create(model="m", {given}, input="Write it out.")'
    assert edges(compiled(RESPONSES + again)) == found


RUNS = """
from openai import OpenAI

client = OpenAI()
one = client.beta.threads.create()
two = client.beta.threads.create()
run = client.beta.threads.runs.create_and_poll(thread_id=one.id, assistant_id="a")
run = client.beta.threads.runs.create_and_poll(thread_id=THREAD.id, assistant_id="b")
"""


def test_a_run_hears_those_before_it_on_its_thread() -> None:
    assert edges(compiled(RUNS.replace("THREAD", "one"))) == {(7, 8, "data")}
    assert edges(compiled(RUNS.replace("THREAD", "two"))) == set()


AGENTS = """
from agents import Agent, Runner, SQLiteSession

planner = Agent(name="planner", instructions="Plan.")
writer = Agent(name="writer", instructions="Write.")

async def main(topic):
    one, two = SQLiteSession("one"), SQLiteSession("two")
    await Runner.run(planner, topic, session=one)
    await Runner.run(writer, "Go on.", GIVEN)
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("session=one", {(9, 10, "data")}),
        ("session=two", set()),
        ("max_turns=3", set()),
    ],
)
def test_agents_hear_what_their_session_holds(given: str, found: set[tuple[int, int, str]]) -> None:
    assert edges(compiled(AGENTS.replace("GIVEN", given))) == found


def test_an_agent_hears_itself_in_a_session_of_many_turns() -> None:
    file = compiled("""
        from agents import Agent, Runner, SQLiteSession

        agent = Agent(name="chat", instructions="Chat.")

        async def main(key):
            session = SQLiteSession(key)
            while True:
                print(await Runner.run(agent, input(), session=session))
        """)
    assert edges(file) == {(9, 9, "loop")}


LIVEKIT = """
from livekit.agents import Agent, AgentSession
from livekit.plugins import openai

class Assistant(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are a voice assistant.")

async def entrypoint(context):
    session = AgentSession(llm=openai.LLM(model="m"))
    await session.start(agent=AGENT, room=context.room)
    await session.generate_reply(instructions="Greet the user.")
"""


@pytest.mark.parametrize(
    "agent", ["Assistant()", 'Agent(instructions="You are a voice assistant.")']
)
def test_a_session_of_livekit_runs_its_agent_and_goes_on_with_it(agent: str) -> None:
    file = compiled(LIVEKIT.replace("AGENT", agent))
    start, greet = file.calls
    assert [(start.line, start.family), (greet.line, greet.family)] == [
        (11, "livekit"),
        (12, "livekit"),
    ]
    assert start.segments[0].text == "You are a voice assistant."
    assert greet.segments[0].text == "Greet the user."
    assert (11, 12, "data") in edges(file)


def test_an_agent_replies_in_its_own_session() -> None:
    file = compiled("""
        from livekit.agents import Agent

        class Greeter(Agent):
            async def on_enter(self):
                await self.session.generate_reply(instructions="Ask for the name.")
        """)
    assert [call.line for call in file.calls] == [6]


def test_another_session_that_starts_is_no_call() -> None:
    assert (
        compiled("""
        from trading import Session

        def open_day(session: Session, pool):
            session.start(agent="day")
            pool.session.create_message(content="open")
            pool.sample(10)
        """).calls
        == ()
    )


ASSISTANT = """
from agents import Agent, Runner, SQLiteSession

agent = Agent(name="chat", instructions="Chat.")

async def NAME(sessions, user, text):
    session = MADE
    return await Runner.run(agent, text, session=session)
"""


@pytest.mark.parametrize(
    ("made", "name", "found"),
    [
        ("sessions.get_session(user)", "reply", {(8, 8, "loop")}),
        ("await sessions.session_of(user)", "reply", {(8, 8, "loop")}),
        ('SQLiteSession(user, "talks.db")', "reply", {(8, 8, "loop")}),
        ("SQLiteSession(user)", "reply", set()),
        ("sessions.get_session(user)", "main", set()),
    ],
)
def test_an_agent_hears_what_a_session_keeps_that_outlasts_the_function(
    made: str, name: str, found: set[tuple[int, int, str]]
) -> None:
    assert edges(compiled(ASSISTANT.replace("MADE", made).replace("NAME", name))) == found


HANDED_ON = """
from agents import Agent, Runner, SQLiteSession

helper = Agent(name="helper", instructions="Help.")
triage = Agent(name="triage", instructions="Route.", LEADS)

async def reply(user, text):
    session = SQLiteSession(user, "talks.db")
    return await Runner.run(triage, text, session=session)
"""


@pytest.mark.parametrize(
    ("leads", "found"),
    [
        ("handoffs=[helper]", {(9, 9, "loop"), (9, 4, "data"), (4, 9, "loop"), (4, 4, "loop")}),
        (
            'tools=[helper.as_tool("help", "Helps.")]',
            {(9, 9, "loop"), (9, 4, "data"), (4, 9, "loop")},
        ),
    ],
)
def test_agents_that_a_run_hands_on_to_hear_what_its_session_keeps(
    leads: str, found: set[tuple[int, int, str]]
) -> None:
    assert edges(compiled(HANDED_ON.replace("LEADS", leads))) == found


def test_agents_that_a_loop_hands_on_to_hear_each_other_in_later_turns() -> None:
    file = compiled("""
        from agents import Agent, Runner, SQLiteSession

        helper = Agent(name="helper", instructions="Help.")
        seller = Agent(name="seller", instructions="Sell.")
        triage = Agent(name="triage", instructions="Route.", handoffs=[helper, seller])

        async def main(key):
            session = SQLiteSession(key)
            while True:
                print(await Runner.run(triage, input(), session=session))
        """)
    assert {(4, 5, "loop"), (5, 4, "loop"), (4, 4, "loop")} <= edges(file)


def test_what_a_session_keeps_is_heard_in_the_order_of_the_source() -> None:
    names = ["ann", "ben", "cleo", "dan", "eve", "finn", "gil", "hal"]
    made = [f'{name} = Agent(name="{name}", instructions="Help.")' for name in names]
    file = compiled(
        "\n".join(
            (
                "from agents import Agent, Runner, SQLiteSession",
                *made,
                f'triage = Agent(name="triage", handoffs=[{", ".join(names)}])',
                "async def reply(user, text):",
                '    session = SQLiteSession(user, "talks.db")',
                "    return await Runner.run(triage, text, session=session)",
            )
        )
    )
    heard = [segment.name for segment in file.calls[0].segments if segment.carried == "loop"]
    assert [name for name in heard if name in names] == names


CHATS = """
import google.generativeai as genai

model = genai.GenerativeModel("m")
chat = model.start_chat()
chats = {}

def get_chat(user):
    if user not in chats:
        chats[user] = model.start_chat(history=[])
    return chats[user]

class Tutor:
    def __init__(self):
        self.chat = model.start_chat()
        self.chats = {}

    def of(self, user):
        if user not in self.chats:
            self.chats[user] = model.start_chat()
        return self.chats[user]

    def answer(self, user, text):
        anew = model.start_chat()
        mine = get_chat(user)
        return KEEPER.send_message(text).text
"""


@pytest.mark.parametrize(
    ("keeper", "is_kept"),
    [
        ("chat", True),
        ("chats[user]", True),
        ("chats.get(user)", True),
        ("get_chat(user)", True),
        ("mine", True),
        ("self.chat", True),
        ("self.of(user)", True),
        ("anew", False),
        ("model.start_chat()", False),
    ],
)
def test_a_chat_that_outlasts_the_function_holds_what_was_said_before(
    keeper: str, is_kept: bool
) -> None:
    found = edges(compiled(CHATS.replace("KEEPER", keeper)))
    assert found == ({(26, 26, "loop")} if is_kept else set())


@pytest.mark.parametrize(("anew", "is_kept"), [("agent.reset()", False), ("print(text)", True)])
def test_an_agent_that_a_function_resets_has_heard_nothing(anew: str, is_kept: bool) -> None:
    file = compiled(f"""
        from camel.agents import ChatAgent

        agent = ChatAgent("You answer.")

        def answer(text):
            {anew}
            return agent.step(text)
        """)
    assert edges(file) == ({(8, 8, "loop")} if is_kept else set())
