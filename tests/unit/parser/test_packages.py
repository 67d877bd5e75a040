"""A package shows all the calls that its files show one by one."""

from textwrap import dedent

import pytest

from charter_engine.analysis.compile import compile_source
from charter_engine.parser import interpreter
from tests.unit.parser.compiled import lines, package

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
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_shows_the_calls_of_its_files(name: str) -> None:
    files = PACKAGES[name]
    together = package(**files)
    for path, text in files.items():
        alone = {call.line for call in compile_source(f"{path}.py", dedent(text)).calls}
        assert alone <= {call.line for call in together[f"{path}.py"].calls}, path
    assert any(file.calls for file in together.values())


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_of_many_functions_shows_the_same_calls(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = package(**PACKAGES[name])
    monkeypatch.setattr(interpreter, "MANY_FUNCTIONS", 0)
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
