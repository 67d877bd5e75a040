"""What a request offers the model: tools, and the schema of its answer."""

import json

import pytest

from charter_engine.contracts.graph import Segment
from tests.unit.parser.compiled import compiled, only

BEGIN = """
import instructor
from agents import Agent, Runner
from google import genai
from google.genai import types
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import OpenAI
from pydantic import BaseModel, Field

READ = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}

class Verdict(BaseModel):
    good: bool
    why: str = Field(description="In one sentence")

@tool
def search(query: str, limit: int = 3) -> str:
    \"\"\"Search the web.\"\"\"

client = OpenAI()
agent = Agent(name="a", instructions="Help.", tools=[search], output_type=Verdict)
template = ChatPromptTemplate.from_template("Judge {q}")

async def ask(q, tools):
    return REQUEST
"""

WRITTEN = {"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the web.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["query"],
        },
    },
}
VERDICT = {
    "title": "Verdict",
    "type": "object",
    "properties": {
        "good": {"type": "boolean"},
        "why": {"type": "string", "description": "In one sentence"},
    },
    "required": ["good"],
}


def head(request: str) -> tuple[Segment, ...]:
    return only(compiled(BEGIN.replace("REQUEST", request))).head


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ('client.responses.create(model="m", input=q, tools=[READ])', [WRITTEN]),
        ('client.responses.create(model="m", input=q, tools=[READ, search])', [WRITTEN, SEARCH]),
        ('ChatOpenAI(model="m").bind_tools([search]).invoke(q)', [SEARCH]),
        ("(template | ChatOpenAI().with_structured_output(Verdict)).invoke({'q': q})", [VERDICT]),
        ("await Runner.run(agent, q)", [SEARCH, VERDICT]),
        (
            'instructor.from_openai(client).chat.completions.create(model="m", '
            'response_model=Verdict, messages=[{"role": "user", "content": q}])',
            [VERDICT],
        ),
        (
            'genai.Client().models.generate_content(model="m", contents=q, '
            "config=types.GenerateContentConfig(tools=[search]))",
            [SEARCH],
        ),
        ('client.responses.create(model="m", input=q, tools=[])', []),
        ('client.responses.create(model="m", input=q, text_format={"type": "json_object"})', []),
    ],
)
def test_definitions_go_with_the_request(request_: str, expected: list[object]) -> None:
    assert [json.loads(part.text) for part in head(request_)] == expected


def test_definitions_that_are_not_at_hand_are_named() -> None:
    (part,) = head('client.responses.create(model="m", input=q, tools=tools)')
    assert (part.kind, part.expression) == ("variable", "tools")


def test_what_an_sdk_makes_of_a_function_is_assumed() -> None:
    (part,) = head("await Runner.run(Agent(name='b', tools=[search]), q)")
    assert part.tokens_label == "assumed"


def test_a_wrapper_offers_what_it_is_given() -> None:
    file = compiled(
        """
        from openai import OpenAI

        def ask(prompt, tools=None):
            return OpenAI().responses.create(model="m", input=prompt, tools=tools)

        def run(question):
            ask(question)
            return ask(question, tools=[{"name": "read"}])
        """
    )
    assert [[part.text for part in call.head] for call in file.calls[1:]] == [
        [],
        ['{"name": "read"}'],
    ]


def test_what_a_wrappers_caller_offers_is_its_own_and_not_that_of_a_call_within() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from pydantic import BaseModel

        class Summary(BaseModel):
            text: str

        class Alert(BaseModel):
            topic: str

        def send(prompt, shape):
            return OpenAI().responses.parse(input=prompt, text_format=shape).output_parsed

        def ask(prompt, shape):
            return send(prompt, shape)

        def summarize(text):
            return ask("Summarize: " + text, Summary)

        def alert(text):
            return ask("Find the topic: " + text, Alert)
        """
    )
    offered = {call.line: call.head[0].text for call in file.calls}
    assert [line for line, text in offered.items() if '"Summary"' in text] == [18]
    assert [line for line, text in offered.items() if '"Alert"' in text] == [21]
    assert [line for line, text in offered.items() if not text] == [12, 15]


def test_of_tools_of_which_a_loop_adds_some_those_before_are_told() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        def read(path: str) -> str:
            return open(path).read()

        async def run(question, others):
            tools = [read]
            for other in others:
                tools.append(other.as_tool())
            return await Runner.run(Agent(name="a", instructions="Help.", tools=tools), question)
        """
    )
    known, others = only(file).head
    assert json.loads(known.text)["function"]["name"] == "read"
    assert (others.kind, others.expression) == ("variable", "tools")
