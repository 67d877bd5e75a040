"""What modules keep: functions that nothing at hand calls may be run again and find it."""

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_sources
from tests.unit.parser.compiled import compiled, edges, flows, package

CHAT = """
history = []

def chat(text):
    said = ask(f"Go on: {history} {text}")
    history.append(said)
    return said
"""


def test_a_function_that_others_run_hears_what_it_left_in_a_module() -> None:
    assert flows(CHAT) == {"chat > chat, later"}


ENDPOINTS = """
from openai import OpenAI

client = OpenAI()
KEPT

def chat(key, text):
    past = talk(key)
    past.append({"role": "user", "content": text})
    said = client.chat.completions.create(model="m", messages=past).choices[0].message.content
    past.append({"role": "assistant", "content": said})
    return said

def stream(key, text):
    past = talk(key)
    past.append({"role": "user", "content": text})
    said = ""
    for part in client.chat.completions.create(model="m", messages=past, stream=True):
        said += part.choices[0].delta.content
    past.append({"role": "assistant", "content": said})
    return said
"""


@pytest.mark.parametrize(
    "kept",
    [
        "messages = []\ndef talk(key):\n    return messages",
        "talks = {}\ndef talk(key):\n    return talks.setdefault(key, [])",
    ],
)
def test_functions_that_others_run_hear_each_other_in_a_later_turn_alone(kept: str) -> None:
    assert flows(ENDPOINTS.replace("KEPT", kept)) == {
        "chat > chat, later",
        "chat > stream, later",
        "stream > chat, later",
        "stream > stream, later",
    }


@pytest.mark.parametrize("name", ["main", "test_chat"])
def test_a_function_that_is_run_once_hears_nothing(name: str) -> None:
    assert flows(CHAT.replace("def chat", f"def {name}")) == set()


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ("talks = {}\ndef talk(key):\n    return talks.setdefault(key, [])", True),
        (
            "talks = {}\ndef talk(key):\n    if key not in talks:\n        talks[key] = []\n"
            "    return talks[key]",
            True,
        ),
        (
            "from collections import defaultdict\ntalks = defaultdict(list)\ndef talk(key):\n"
            "    return talks[key]",
            True,
        ),
        ("def talk(key):\n    return []", False),
    ],
)
def test_a_module_keeps_a_conversation_for_each_session(kept: str, found: bool) -> None:
    source = f"""
{kept}

def chat(key, text):
    said = ask(f"Go on: {{talk(key)}} {{text}}")
    talk(key).append(said)
    return said
"""
    assert ("chat > chat, later" in flows(source)) is found


def test_what_holds_what_holds_it_keeps_what_was_said() -> None:
    source = """
first = {"heard": []}
second = {"other": first}
first["other"] = second

def chat(text):
    said = ask(f"Go on: {first['heard']} {text}")
    first["heard"].append(said)
    return said
"""
    assert flows(source) == {"chat > chat, later"}


def test_what_is_kept_only_to_be_found_again_is_no_earlier_turn() -> None:
    source = """
known = {}

def look_up(word):
    if word not in known:
        known[word] = ask(f"What does {word} mean?")
    return known[word]

def write(word):
    return ask("Write a verse with it: " + look_up(word))
"""
    assert flows(source) == {"look_up > write"}


MEMORY = """
class Memory:
    def __init__(self):
        self.turns = []

    def messages(self, text):
        return [*self.turns, {"role": "user", "content": text}]

    def keep(self, text, said):
        self.turns.append({"role": "user", "content": text})
        self.turns.append({"role": "assistant", "content": said})
"""

TALK = """
from openai import OpenAI
from talks import memory

def chat(text):
    said = OpenAI().chat.completions.create(model="m", messages=memory.messages(text))
    memory.keep(text, said.choices[0].message.content)
"""


def test_what_a_package_keeps_under_the_name_of_its_module_stands_for_that() -> None:
    kept = "from .memory import Memory\nmemory = Memory()\n"
    sources = {"talks/__init__.py": kept, "talks/memory.py": MEMORY, "serve.py": TALK}
    found = compile_sources(dict(sources), options=CompileOptions())
    [call] = [call for file in found.files for call in file.calls]
    assert [(edge.call, edge.carried) for edge in call.depends_on] == [(call.id, "loop")]


PROVIDERS = """
history = []

def sum_up(vendor):
    if vendor == "near":
        return ask(f"Sum this up: {history}")
    elif vendor == "far":
        return ask(f"Sum this up for a stranger: {history}")
    return ""

def near(text):
    said = ask(f"Answer {text} by {sum_up('near')}")
    history.append(said)
    return said

def far(text):
    said = ask(f"Answer a stranger {text} by {sum_up('far')}")
    history.append(said)
    return said

def chat(text, vendor):
    if vendor == "near":
        return near(text)
    elif vendor == "far":
        return far(text)
"""


def test_ways_that_exclude_each_other_hear_each_other_in_a_later_turn_alone() -> None:
    assert flows(PROVIDERS) == {
        "sum_up > near",
        "sum_up > far",
        "near > sum_up, later",
        "far > sum_up, later",
    }


def test_a_text_that_a_call_gives_settles_what_is_compared_with_it() -> None:
    source = """
def draft(kind):
    if kind == "verse":
        return ask("Write a verse.")
    return ask("Write a letter.")

def work():
    return ask("Improve this: " + draft(KIND))
"""
    from_calls = [
        {edge.call for call in file.calls for edge in call.depends_on}
        for kind in ('"verse"', "input()")
        for file in package(
            work="from openai import OpenAI\nclient = OpenAI()\ndef ask(text):\n"
            '    messages = [{"role": "user", "content": text}]\n'
            '    return client.chat.completions.create(model="m", messages=messages)'
            ".choices[0].message.content\n" + source.replace("KIND", kind)
        ).values()
    ]
    assert [len(calls) for calls in from_calls] == [1, 2]


STORES = """
class Store:
    def __init__(self):
        self.turns = []

store = None

def get_store():
    global store
    if store is None:
        store = Store()
    return store

def chat(text):
    said = ask(f"Go on: {get_store().turns} {text}")
    get_store().turns.append(said)
    return said
"""


def test_what_is_made_where_there_is_none_yet_is_made_once() -> None:
    assert flows(STORES) == {"chat > chat, later"}


@pytest.mark.parametrize(
    "body",
    [
        "return stores.setdefault(key, Store())",
        "store = stores.get(key) or Store()\n    stores[key] = store\n    return store",
        "store = stores.get(key, Store())\n    stores[key] = store\n    return store",
        "store = stores[key] if key in stores else Store()\n    stores[key] = store\n"
        "    return store",
        "if anew or key not in stores:\n        stores[key] = Store()\n    return stores[key]",
        "try:\n        return stores[key]\n    except KeyError:\n"
        "        stores[key] = Store()\n        return stores[key]",
    ],
)
def test_what_stands_in_for_what_is_not_there_is_made_once_for_a_key(body: str) -> None:
    source = f"""
class Store:
    def __init__(self):
        self.turns = []

    def add(self, said):
        self.turns.append(said)

stores = {{}}

def get_store(key, anew=False):
    {body}

def chat(key, text):
    store = get_store(key)
    said = ask(f"Go on: {{store.turns}} {{text}}")
    store.add(said)
    return said
"""
    assert flows(source) == {"chat > chat, later"}


@pytest.mark.parametrize(
    "kept",
    [
        "from fastapi import FastAPI\napp = FastAPI()\napp.state.talk = []\n"
        "def talk(update):\n    return app.state.talk",
        "from flask import session\ndef talk(update):\n    return session.setdefault('talk', [])",
        "def talk(update):\n    return update.user_data.setdefault('talk', [])",
    ],
)
def test_what_a_server_or_a_bot_keeps_for_its_handlers_is_there_in_a_later_turn(kept: str) -> None:
    source = f"""
{kept}

def chat(update, text):
    said = ask(f"Go on: {{talk(update)}} {{text}}")
    talk(update).append(said)
    return said
"""
    assert flows(source) == {"chat > chat, later"}


@pytest.mark.parametrize(("read", "found"), [("lrange(user, 0, -1)", True), ("get(user)", False)])
def test_a_list_of_a_store_is_a_talk_whatever_its_key(read: str, found: bool) -> None:
    source = f"""
import redis

store = redis.Redis()

def chat(user, text):
    said = ask(f"Go on: {{store.{read}}} {{text}}")
    store.{"rpush" if found else "set"}(user, said)
    return said
"""
    assert ("chat > chat, later" in flows(source)) is found


ENGINES = """
from llama_index.core import VectorStoreIndex
from llama_index.core.memory import ChatMemoryBuffer

index = VectorStoreIndex.from_documents([])
talks = {}

def engine(key):
    if key not in talks:
        talks[key] = ChatMemoryBuffer.from_defaults(token_limit=3000)
    return index.as_chat_engine(memory=MEMORY)

def tell(key, text):
    return engine(key).chat(text)

def advise(key, text):
    return engine(key).chat(text)
"""


@pytest.mark.parametrize(
    ("memory", "found"), [("talks[key]", True), ("ChatMemoryBuffer.from_defaults()", False)]
)
def test_a_memory_that_a_module_keeps_holds_what_any_of_its_engines_answered(
    memory: str, found: bool
) -> None:
    both = {f"{one} > {other}, later" for one in ("tell", "advise") for other in ("tell", "advise")}
    assert flows(ENGINES.replace("MEMORY", memory)) == (both if found else set())


MEMORIES = """
from llama_index.core import Settings
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.memory import Memory

agent = FunctionAgent(tools=[], llm=Settings.llm, system_prompt="Be kind.")

async def main(text):
    memory = Memory.from_defaults()
    question = await Settings.llm.acomplete(f"Make {text} whole.")
    await agent.run(str(ASKED), memory=GIVEN)
    RESET
    lines = [str(said.content) for said in await memory.aget()]
    return await Settings.llm.acomplete(f"Sum up {lines}")
"""


@pytest.mark.parametrize(
    ("asked", "given", "reset", "found"),
    [
        ("question", "memory", "pass", {(10, 11), (10, 14), (11, 14)}),
        ("text", "memory", "pass", {(11, 14)}),
        ("question", "memory", "await memory.areset()", {(10, 11)}),
        ("question", "Memory.from_defaults()", "pass", {(10, 11)}),
    ],
)
def test_a_memory_holds_what_was_asked_with_it_too(
    asked: str, given: str, reset: str, found: set[tuple[int, int]]
) -> None:
    source = MEMORIES.replace("ASKED", asked).replace("GIVEN", given).replace("RESET", reset)
    assert edges(compiled(source)) == {(first, second, "data") for first, second in found}


def test_what_is_kept_in_an_object_that_is_not_at_hand_reaches_what_came_before_it_later() -> None:
    source = """
    import json

    class Runner:
        def __init__(self, memory):
            self.memory = memory

        def start(self):
            self.task = create_task(self.loop())

        async def loop(self):
            while True:
                await self.cycle()

        async def cycle(self):
            best = self.pick()
            await self.rate(best)
            self.keep(await self.improve(best))

        def pick(self):
            return json.loads(getattr(self.memory.notes.best(), "value", "")).get("text")

        def keep(self, text):
            said = json.dumps({"text": text})
            self.memory.notes.update(category="x", value=said)

        async def rate(self, text):
            return float(ask(f"Rate this text, please, from one to ten: {text}"))

        async def improve(self, text):
            return ask(f"Write this text anew, please, and say it better than before: {text}")
    """
    assert flows(source) == {"improve > rate, later", "improve > improve, later"}


def test_what_a_table_of_sessions_keeps_comes_in_a_later_turn() -> None:
    file = compiled(
        """
        from openai import OpenAI

        client = OpenAI()

        def ask(text):
            return client.responses.create(model="m", input=text).output_text

        class Session:
            def __init__(self):
                self.said = []

            def all_said(self):
                return " ".join(self.said)

        class Sessions:
            def __init__(self):
                self.live = {}

            def of(self, name):
                session = self.live.get(name)
                if session is None:
                    session = Session()
                    self.live[name] = session
                return session

        class Desk:
            def __init__(self, sessions):
                self.sessions = sessions

            def turn(self, name, question):
                session = self.sessions.of(name)
                self.foresee(session)
                answer = ask("Answer what the harbour asks, and guess no depth: " + question)
                session.said.append(answer)
                return answer

            def foresee(self, session: Session):
                return ask("Say what the harbour will be asked next: " + session.all_said())

        SESSIONS = Sessions()

        def serve(name, question):
            return Desk(SESSIONS).turn(name, question)
        """
    )
    foresees, answers = (
        next(call.line for call in file.calls if call.function == f"Desk.{name}")
        for name in ("foresee", "turn")
    )
    assert {edge for edge in edges(file) if edge[0] == answers and edge[1] == foresees} == {
        (answers, foresees, "loop")
    }


TALK_OF_AGENT = """
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage

agent = create_agent("small", tools=[])
talk = []

def tell(text):
    global talk
    found = agent.invoke({"messages": talk + [HumanMessage(text)]})
    talk = found["messages"]
    return talk[-1].content

def advise(text):
    global talk
    talk = agent.invoke({"messages": talk + [HumanMessage(text)]})["messages"]
"""


def test_what_an_agent_answers_is_the_conversation_that_a_module_keeps() -> None:
    both = {f"{one} > {other}, later" for one in ("tell", "advise") for other in ("tell", "advise")}
    assert flows(TALK_OF_AGENT) == both


SESSIONS = """
from dataclasses import dataclass

@dataclass
class Session:
    plan: str = ""

class Sessions:
    def __init__(self):
        self.kept = {}

    def get(self, key):
        return self.kept[key]

    def new(self, key):
        self.kept[key] = Session()
        return self.kept[key]

sessions = Sessions()
drafts = {}

def plan(key, text):
    PLAN = ask(f"Plan this: {text}")

def write(key):
    return ask(f"Write by this plan: {KEPT}")
"""


@pytest.mark.parametrize(
    ("plan", "kept"),
    [
        ("sessions.new(key).plan", "sessions.get(key).plan"),
        ("sessions.latest", "sessions.latest"),
        ("drafts['first']", "drafts['first']"),
        ("sessions.talks[key]", "sessions.talks[key]"),
    ],
)
@pytest.mark.parametrize("name", ["plan", "main"])
def test_what_a_function_that_others_run_leaves_is_there_in_a_later_turn(
    plan: str, kept: str, name: str
) -> None:
    source = SESSIONS.replace("PLAN", plan).replace("KEPT", kept).replace("def plan", f"def {name}")
    assert flows(source) == {"plan > write, later" if name == "plan" else "main > write"}


def test_what_a_function_leaves_for_what_it_calls_is_there_in_the_same_turn() -> None:
    source = SESSIONS.replace("PLAN", "sessions.latest").replace("KEPT", "sessions.latest")
    source += "\ndef work(key):\n    plan(key, 'A poem')\n    return write(key)\n"
    assert flows(source) == {"plan > write"}


OPENED = """
class Guide:
    def __init__(self, profile):
        self.profile = profile
        self.history = []

    def start(self):
        self.history = [{"role": "user", "content": self.profile}]

    def talk(self, text):
        self.history.append({"role": "user", "content": text})
        return ask(f"Talk: {self.history}")

guides = {}

def open_talk(key, text):
    guide = Guide(ask(f"Describe a guide for {text}"))
    guide.start()
    guides[key] = {"guide": guide}

def go_on(key, text):
    return guides[key]["guide"].talk(text)
"""


def test_a_history_that_begins_with_an_answer_is_heard_by_others_in_a_later_turn() -> None:
    assert flows(OPENED) == {"open_talk > go_on, later"}


def test_what_a_function_is_handed_holds_what_its_callers_left_in_it() -> None:
    source = """
from dataclasses import dataclass

@dataclass
class Draft:
    plan: str = ""

def plan(draft: Draft, text):
    draft.plan = ask(f"Plan this: {text}")

def write(draft: Draft):
    return ask(f"Write by this plan: {draft.plan}")
"""
    assert flows(source) == {"plan > write"}


BEGUN = """
sessions = {}

class Talk:
    def __init__(self):
        self.messages = []

    def say(self, text):
        self.messages.append({"role": "user", "content": text})
        made = OpenAI().chat.completions.create(model="m", messages=self.messages)
        self.messages.append({"role": "assistant", "content": made.choices[0].message.content})
        return made.choices[0].message.content

@app.post("/chat")
def chat(user, text):
    return sessions[user].say(text)

@app.post("/start")
def start(user):
    MADE
"""


@pytest.mark.parametrize(
    "made",
    ["sessions[user] = Talk()", "talk = Talk()\n    sessions[user] = talk"],
)
def test_what_one_function_begins_is_what_another_one_goes_on_with(made: str) -> None:
    assert "chat > chat, later" in flows(BEGUN.replace("MADE", made))


NOTES = """
from typing import TypedDict

class Notes(TypedDict):
    plan: str

notes = Notes()

def plan(topic):
    notes["plan"] = ask(f"Plan {topic}.")

def write():
    return ask(f"Write {notes['plan']}.")
"""


def test_a_typed_dict_that_a_module_makes_keeps_what_functions_put_there() -> None:
    both = """
def run(topic):
    plan(topic)
    return write()
"""
    assert flows(NOTES + both) == {"plan > write"}
    assert flows(NOTES) == {"plan > write, later"}
