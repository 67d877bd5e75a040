"""A package shows all the calls that its files show one by one."""

import json
from textwrap import dedent

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_source, compile_sources
from charter_engine.parser.passes import starts
from tests.unit.parser.compiled import compiled, edges, lines, package

CLIENT = """
from openai import OpenAI

client = OpenAI()

def ask(prompt):
    return client.responses.create(model="m", input=prompt).output_text
"""

PACKAGES = {
    "a wrapper and its callers": {
        "asking": CLIENT,
        "steps": """
        from asking import ask

        def plan(topic):
            return ask(f"Plan a talk about {topic} for the whole school.")
        """,
        "main": """
        from steps import plan
        from asking import ask

        def run(topic):
            return ask(f"Write what the plan says: {plan(topic)}")
        """,
    },
    "a class that hands its request on as JSON": {
        "models": """
        import json
        import litellm

        def complete(request):
            return litellm.completion(**json.loads(request))

        class ChatModel:
            def __call__(self, prompt, **options):
                messages = [{"role": "user", "content": prompt}]
                request = json.dumps(dict(messages=messages, **options))
                return [choice.message.content for choice in complete(request).choices]
        """,
        "checks": """
        from models import ChatModel

        def is_polite(text):
            openai_model = ChatModel()
            response = openai_model(f"Is this text polite? Answer yes or no. {text}")[0]
            return response == "yes"
        """,
    },
    "an address that a class replaces": {
        "base": """
        import requests

        class Client:
            def __init__(self):
                self.url = "https://models.example/v1/chat/completions"

            def ask(self, messages):
                body = {"model": "m", "messages": messages}
                return requests.post(self.url, json=body).json()
        """,
        "newer": """
        import requests
        from base import Client

        class NewerClient(Client):
            def __init__(self):
                super().__init__()
                self.url = "https://models.example/v1/responses"

            def ask(self, messages):
                body = {"model": "m", "input": messages, "tools": []}
                return requests.post(self.url, json=body).json()
        """,
    },
    "a model of another module": {
        "models": """
        from langchain_openai import ChatOpenAI

        class Quiet(ChatOpenAI):
            def invoke(self, prompt, config=None):
                return tidy(super().invoke(prompt, config))

        def tidy(message):
            return message.content.strip()
        """,
        "nodes": """
        from models import Quiet

        llm = Quiet(model="m")

        def write(state):
            return {"text": llm.invoke(f"Write about {state['topic']}")}

        def judge(state):
            return {"verdict": llm.invoke(f"Judge this text: {state['text']}")}
        """,
    },
    "a framework and what is made with it": {
        "autogen_agentchat__agents": """
        from autogen_core.models import ChatCompletionClient

        class AssistantAgent:
            def __init__(self, name, model_client: ChatCompletionClient):
                self.client = model_client

            async def run(self, task):
                system = "You are one of several agents. Say TERMINATE as soon as all is done."
                return await self.client.create([system, task])
        """,
        "autogen_ext__models__openai": """
        from autogen_core.models import ChatCompletionClient
        from openai import AsyncOpenAI

        class OpenAIChatCompletionClient(ChatCompletionClient):
            def __init__(self, model):
                self.client = AsyncOpenAI()

            async def create(self, messages):
                return await self.client.responses.create(model="m", input=messages)
        """,
        "autogen_core__models": """
        from abc import ABC, abstractmethod

        class ChatCompletionClient(ABC):
            @abstractmethod
            async def create(self, messages):
                ...
        """,
        "sample": """
        from autogen_agentchat.agents import AssistantAgent
        from autogen_ext.models.openai import OpenAIChatCompletionClient

        async def main():
            agent = AssistantAgent("helper", OpenAIChatCompletionClient(model="m"))
            return await agent.run(task="Name three rivers.")
        """,
    },
    "a helper that asks what it is given": {
        "asking": """
        def call_llm_safe(agent):
            response = ""
            while not response:
                response = agent.get_response()
            return response
        """,
        "talking": """
        from openai import OpenAI

        class Conversation:
            def __init__(self, engine):
                self.engine = engine
                self.messages = []

            def add_message(self, text, role="user"):
                self.messages.append({"role": role, "content": text})

            def get_response(self, user_message=None):
                if user_message:
                    self.add_message(user_message)
                return self.engine.generate(self.messages)

        class Engine:
            def __init__(self):
                self.client = OpenAI()

            def generate(self, messages):
                answer = self.client.chat.completions.create(model="m", messages=messages)
                return answer.choices[0].message.content
        """,
        "grounding": """
        from asking import call_llm_safe
        from talking import Conversation, Engine

        class Grounding:
            def __init__(self):
                self.text_span_agent = Conversation(Engine())

            def coordinates(self, phrase):
                self.text_span_agent.add_message("Where is this? " + phrase, role="user")
                response = call_llm_safe(self.text_span_agent)
                return response.split(",")
        """,
    },
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_shows_the_calls_of_its_files(name: str) -> None:
    files = PACKAGES[name]
    together = package(**files)
    for path, text in files.items():
        alone = {call.line for call in compile_source(f"{path}.py", dedent(text)).calls}
        placed = f"{path.replace('__', '/')}.py"
        assert alone <= {call.line for call in together[placed].calls}, path
    assert any(file.calls for file in together.values())


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_many_functions_shows_the_same_calls(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = package(**PACKAGES[name])
    monkeypatch.setattr(starts, "MANY_FUNCTIONS", 0)
    assert package(**PACKAGES[name]) == together


def test_a_models_method_handed_to_a_function_at_hand_is_called_where_it_is_handed_on() -> None:
    found = package(
        main="""
        from anthropic import Anthropic
        from .tools import again, Holder

        def query(text, **options):
            holder = Holder(Anthropic().messages.create)
            return again(Anthropic().messages.create, ValueError, messages=text, **options)
        """,
        tools="""
        class Holder:
            def __init__(self, method):
                self.method = method

        def again(function, errors, *given, **named):
            while True:
                try:
                    return function(*given, **named)
                except errors:
                    continue
        """,
    )
    assert {path: lines(file) for path, file in found.items()} == {"main.py": [7], "tools.py": []}


def test_a_program_may_give_its_own_classes_the_names_that_a_framework_has() -> None:
    found = package(
        agents="""
        from openai import OpenAI

        class Agent:
            def ask(self, prompt):
                return OpenAI().responses.create(model="m", input=prompt).output_text
        """,
        main="""
        from agents import Agent

        def main(task):
            return Agent().ask(task)
        """,
    )
    assert [call.kind for call in found["main.py"].calls] == ["wrapper"]


def test_a_function_that_asks_step_by_step_is_no_wrapper_for_another_file() -> None:
    found = package(
        provider="""
            import json
            import openai

            async def get_response(client: openai.OpenAI, model: str, messages: list):
                got = await client.chat.completions.create(model=model, messages=messages)
                return json.loads(got.choices[0].message.content)
            """,
        research="""
            from pkg.provider import get_response

            async def plan(prompt, client, model):
                wish = [
                    dict(role="system", content="Be an expert."),
                    dict(role="user", content=f"List searches for {prompt}, one a line."),
                ]
                return await get_response(client=client, model=model, messages=wish)

            async def learn(query, client, model):
                wish = [
                    dict(role="system", content="Be an expert."),
                    dict(role="user", content=f"Say what is known of {query} at present."),
                ]
                return await get_response(client=client, model=model, messages=wish)

            async def deep_research(prompt, client, model):
                searches = await plan(prompt, client, model)
                return await learn(searches, client, model)
            """,
        app="""
            import openai
            from pkg.research import deep_research

            async def main(question):
                client = openai.AsyncOpenAI()
                return await deep_research(prompt=question, client=client, model="m")
            """,
    )
    assert len(found["research.py"].calls) == 2
    assert not found["app.py"].calls


def test_a_function_within_another_calls_what_that_was_given_in_any_call() -> None:
    found = package(
        base="""
        from typing import Protocol

        class ChatModel(Protocol):
            async def ainvoke(self, messages): ...
        """,
        tracking="""
        from base import ChatModel

        def track(llm: ChatModel):
            original_ainvoke = llm.ainvoke

            async def tracked(messages):
                result = await original_ainvoke(messages)
                return result

            llm.ainvoke = tracked
            return llm
        """,
        models="""
        from openai import AsyncOpenAI

        from base import ChatModel
        from tracking import track

        class Hosted(ChatModel):
            def __init__(self):
                self.client = AsyncOpenAI()

            async def ainvoke(self, messages):
                return await self.client.chat.completions.create(model="m", messages=messages)

        def main():
            return track(Hosted())
        """,
    )
    assert [call.line for call in found["tracking.py"].calls] == [8]


def test_a_package_shows_the_calls_that_its_files_show() -> None:
    model = """
        class Model:
            def complete(self, messages, temperature):
                return self.transport.send(self.shaped(messages))
        """
    agent = """
        from pkg.model import Model

        def step(page):
            llm = Model()
            messages = [{"role": "user", "content": f"Choose an action on {page}"}]
            return llm.complete(messages=messages, temperature=0)
        """
    alone = lines(compiled(agent))
    found = package(pkg__model=model, pkg__agent=agent)
    assert alone == [7]
    assert lines(found["pkg/agent.py"]) == alone


def test_a_notebook_beside_a_module_of_its_name_hides_no_calls() -> None:
    cell = {
        "cell_type": "code",
        "source": ["import openai\n", "openai.responses.create(input='a')"],
    }
    sources: dict[str, str | bytes] = {
        "desk/graph.py": "import openai\nopenai.responses.create(input='Say hello')\n",
        "desk/graph.ipynb": json.dumps({"cells": [cell]}),
    }
    files = compile_sources(sources, options=CompileOptions()).files
    assert [len(file.calls) for file in files] == [1, 1]


def test_what_a_package_imports_from_a_module_of_the_same_name_stands_for_that() -> None:
    made = 'from agents import Agent\nlead = Agent(name="lead", instructions="You lead.")'
    run = 'from agents import Runner\nfrom team import lead\nRunner.run_sync(lead, "Hello")'
    sources = {"team/__init__.py": "from .lead import lead", "team/lead.py": made, "main.py": run}
    found = compile_sources(dict(sources), options=CompileOptions())
    [call] = [call for file in found.files for call in file.calls]
    assert call.segments[0].text == "You lead."


def test_a_text_of_a_module_that_comes_later_is_known() -> None:
    found = package(
        hired="""
        from agent_framework import ChatAgent
        from words import WRITER

        class Factory:
            def writer(self):
                return ChatAgent(chat_client=None, instructions=WRITER)
        """,
        main="""
        from agent_framework import SequentialBuilder
        from hired import Factory

        flow = SequentialBuilder().participants([Factory().writer()]).build()

        async def work(task):
            return await flow.run(task)
        """,
        words="""
        WRITER = "You write."
        """,
    )
    (call,) = found["main.py"].calls
    assert call.segments[0].text == "You write."


def test_what_a_module_makes_by_one_that_comes_later_is_asked_by_its_functions() -> None:
    found = package(
        main="""
        from writers import made

        writer = made()

        def work(task):
            return writer.run(task)
        """,
        writers="""
        from agno.agent import Agent

        def made():
            return Agent(instructions="You write.")
        """,
    )
    assert lines(found["main.py"]) == [7]


HANDING_ON = """
def made(*args, **kwargs):
    from shop.parts.writers import made as make
    return make(*args, **kwargs)
"""

WRITERS = """
from agno.agent import Agent

def made(rules):
    return Agent(instructions=rules)
"""

KEPT = """
from shop import made

writer = made("You write.")

def work(task):
    return writer.run(task)
"""


@pytest.mark.parametrize("path", ["shop/work.py", "scripts/work.py"])
def test_what_a_package_hands_on_under_its_own_name_is_made_by_what_it_imports(path: str) -> None:
    sources: dict[str, str | bytes] = {
        "src/shop/__init__.py": HANDING_ON,
        "src/shop/parts/writers.py": WRITERS,
    }
    files = compile_sources(sources | {f"src/{path}": KEPT}, options=CompileOptions()).files
    (call,) = next(file for file in files if file.path == f"src/{path}").calls
    assert call.segments[0].text == "You write."


OWN_AGENTS = """
from agents import Agent, Runner

helper = Agent(instructions="You help.")

async def work(task):
    return await Runner.run(helper, task)
"""


def test_a_package_with_the_name_of_a_framework_does_not_hide_that() -> None:
    sources: dict[str, str | bytes] = {
        "src/agents/__init__.py": "def Agent(): ...",
        "src/agents/work.py": OWN_AGENTS,
    }
    files = compile_sources(sources, options=CompileOptions()).files
    (call,) = next(file for file in files if file.path == "src/agents/work.py").calls
    assert call.segments[0].text == "You help."


TABLE = """
from parts.writers import made

MAKERS = {"write": made}

def by_name(name):
    return MAKERS[name]("You write.")
"""

ASKING_BY_NAME = """
from desk.makers import by_name

def work(name, task):
    found = by_name(name)
    return found.run(task)
"""


def test_a_table_of_functions_holds_those_that_it_imports_of_a_later_file() -> None:
    sources: dict[str, str | bytes] = {
        "desk/makers.py": TABLE,
        "parts/writers.py": WRITERS,
        "work.py": ASKING_BY_NAME,
    }
    files = compile_sources(sources, options=CompileOptions()).files
    (call,) = next(file for file in files if file.path == "work.py").calls
    assert call.segments[0].text == "You write."


@pytest.mark.parametrize(
    "imported",
    [
        "def late():\n    from b import MAKERS\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from b import MAKERS\n",
    ],
)
def test_what_a_file_imports_later_or_for_checkers_alone_need_not_run_before_it(
    imported: str,
) -> None:
    sources: dict[str, str | bytes] = {
        "a.py": imported + WRITERS,
        "b.py": TABLE.replace("parts.writers", "a"),
        "work.py": ASKING_BY_NAME.replace("desk.makers", "b"),
    }
    files = compile_sources(sources, options=CompileOptions()).files
    (call,) = next(file for file in files if file.path == "work.py").calls
    assert call.segments[0].text == "You write."


WRITER = """
from openai import OpenAI

class Writer:
    def run(self, text):
        messages = [{"role": "user", "content": text}]
        return OpenAI().chat.completions.create(model="m", messages=messages)
"""

LOADING = """
import importlib

KNOWN = {"writer": "agents.writer.Writer"}

def load(name):
    LOAD

agent = load("GIVEN")

def main():
    agent.run("Write about snow.")
"""


@pytest.mark.parametrize(
    ("given", "load"),
    [
        ("writer", 'return importlib.import_module("agents.writer").Writer()'),
        ("writer", 'return importlib.import_module(f"agents.{name}").Writer()'),
        (
            "agents.writer:Writer",
            'path, kind = name.split(":"); return getattr(importlib.import_module(path), kind)()',
        ),
        (
            "writer",
            'path, kind = KNOWN[name].rsplit(".", 1); '
            "return getattr(importlib.import_module(path), kind)()",
        ),
    ],
)
def test_a_module_is_imported_by_its_name_in_a_text(given: str, load: str) -> None:
    main = LOADING.replace("LOAD", load).replace("GIVEN", given)
    found = package(agents__writer=WRITER, agents____init__="", main=main)
    assert [call.line for call in found["main.py"].calls] == [12]


def test_a_call_that_only_sounded_like_one_is_none_once_its_object_is_known() -> None:
    agent = """
        from openai import OpenAI

        class Agent:
            def respond(self, messages):
                while True:
                    answer = OpenAI().chat.completions.create(model="m", messages=messages)
                    messages.append(answer.choices[0].message)
                    if not answer.choices[0].message.tool_calls:
                        return messages[-1].content

        class Session:
            def __init__(self, agent):
                self.agent = agent
                self.messages = [{"role": "system", "content": "You are a helpful bot."}]

            def handle(self, text):
                self.messages.append({"role": "user", "content": text})
                reply = self.agent.respond(self.messages)
                return reply
        """
    main = """
        from agent import Agent, Session

        agent = Agent()
        sessions = {}

        def session_of(user):
            if user not in sessions:
                sessions[user] = Session(agent)
            return sessions[user]

        def on_message(user, text):
            return session_of(user).handle(text)
        """
    found = package(agent=agent, main=main)
    assert [(path, call.line) for path, file in found.items() for call in file.calls] == [
        ("agent.py", 7)
    ]
    assert edges(found["agent.py"]) == {(7, 7, "loop")}


def test_one_of_several_agents_that_asks_in_a_way_that_is_not_known_hides_no_other() -> None:
    found = package(
        tasks="""
        class Task:
            def __init__(self, agent, text):
                self.agent = agent
                self.text = text

            def execute(self):
                return self.agent.run(self.text)
        """,
        staff="""
        from openai import OpenAI

        class Finder:
            def __init__(self, tools):
                self.tools = tools

            def run(self, text):
                return self.tools.find(text)

        class Writer:
            def __init__(self):
                self.client = OpenAI()

            def run(self, text):
                plan = f"Plan what to write, in three parts, each of which says one thing: {text}"
                told = self.client.responses.create(model="m", input=plan).output_text
                rules = f"Write all parts of this plan, one after the other, with a title: {told}"
                return self.client.responses.create(model="m", input=rules).output_text
        """,
        main="""
        from openai import OpenAI
        from pkg.staff import Finder, Writer
        from pkg.tasks import Task

        def main(tools, question):
            topic = OpenAI().responses.create(model="m", input=f"Topic of: {question}").output_text
            facts = Task(Finder(tools), topic).execute()
            return Task(Writer(), f"{topic} {facts}").execute()

        if __name__ == "__main__":
            main(input(), input())
        """,
    )
    (topic,) = found["main.py"].calls
    plan, write = found["staff.py"].calls
    assert topic.id in {edge.call for edge in plan.depends_on}
    assert plan.id in {edge.call for edge in write.depends_on}


GRADER = """
from langchain_core.prompts import PromptTemplate
from langchain_openai import ChatOpenAI

grader = PromptTemplate.from_template("Grade this: {text}") | ChatOpenAI()
"""

GRADE = """
from graph.chains.grading import grader

def grade(state):
    return {"grade": grader.invoke({"text": state["text"]})}
"""

DECLARED = """
from langgraph.graph import StateGraph
from graph.nodes.grade import grade

flow = StateGraph(dict)
flow.add_node("grade", grade)
"""


def test_a_file_with_the_name_of_its_package_hides_no_module_of_that() -> None:
    sources: dict[str, str | bytes] = {
        "main.py": "from graph.graph import flow",
        "graph/__init__.py": "",
        "graph/graph.py": DECLARED,
        "graph/chains/grading.py": GRADER,
        "graph/nodes/grade.py": GRADE,
    }
    files = compile_sources(sources, options=CompileOptions()).files
    (call,) = [call for file in files for call in file.calls]
    assert call.segments[0].text == "Grade this: "


def test_what_takes_answers_out_of_a_queue_is_no_wrapper_for_another_file() -> None:
    found = package(
        app="""
            import asyncio
            from pkg.hub import Hub

            async def ask_agent(prompt, client):
                return await client.prompt(prompt, 60, "Admin")

            async def ask_each(client: Hub, questions):
                return [await client.prompt(one, 100, "Admin") for one in questions]

            async def main():
                client = Hub()
                await client.start()
                print(await ask_agent(input("> "), client))
                print(await ask_each(client, ["Who are you?", "Who am I?"]))

            asyncio.run(main())
            """,
        hub="""
            import asyncio
            from pkg.talker import Talker

            class Hub:
                def __init__(self):
                    self.talker = Talker()

                async def start(self):
                    self.task = asyncio.create_task(self.talker.work())

                async def prompt(self, message, limit, user):
                    await self.talker.events.put(message)
                    return await self.talker.answers.get()
            """,
        talker="""
            import asyncio
            import openai

            model = openai.AsyncOpenAI()

            class Talker:
                def __init__(self):
                    self.events = asyncio.Queue()
                    self.answers = asyncio.Queue()

                async def work(self):
                    while True:
                        said = [dict(role="user", content=await self.events.get())]
                        got = await model.chat.completions.create(model="m", messages=said)
                        await self.answers.put(got.choices[0].message.content)
            """,
    )
    assert [call.kind for file in found.values() for call in file.calls] == ["sdk"]
