"""Haystack: generators joined through components that ask no model."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

PIPELINE = """
from haystack import Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.generators import OpenAIGenerator
from haystack.components.writers import DocumentWriter

pipe = Pipeline()
pipe.add_component("ask", PromptBuilder(template="Draft {{ topic }}."))
pipe.add_component("draft", OpenAIGenerator(model="m"))
pipe.add_component("again", PromptBuilder(template="Improve it."))
pipe.add_component("polish", OpenAIGenerator(model="m"))
pipe.connect("ask", "draft")
CONNECTED
pipe.connect("again", "polish.prompt")

index = Pipeline()
index.add_component("writer", DocumentWriter(document_store=None))

def work(topic):
    index.run({"writer": {"documents": []}})
    return pipe.run({"ask": {"topic": topic}})
"""


def test_a_pipeline_is_its_generators_joined_through_what_asks_no_model() -> None:
    file = compiled(PIPELINE.replace("CONNECTED", 'pipe.connect("draft.replies", "again.text")'))
    assert lines(file) == [11, 21]
    assert edges(file) == {(21, 11, "data")}
    assert said(file, 11)[0] == ("user", "Improve it.", False)


def test_components_that_nothing_connects_hear_nothing() -> None:
    assert edges(compiled(PIPELINE.replace("CONNECTED", ""))) == set()


def test_a_pipelines_generator_has_the_messages_of_the_builder_before_it() -> None:
    source = PIPELINE.replace('PromptBuilder(template="Draft {{ topic }}.")', "BUILDER")
    chat = "[ChatMessage.from_system('Be brief.'), ChatMessage.from_user('Draft {{ topic }}.')]"
    source = source.replace("BUILDER", f"ChatPromptBuilder(template={chat})")
    source = source.replace("import PromptBuilder", "import ChatPromptBuilder, PromptBuilder")
    file = compiled(source.replace("CONNECTED", ""))
    assert said(file, 21) == [
        ("system", "Be brief.", False),
        ("user", "Draft ", False),
        ("user", "topic", False),
        ("user", ".", False),
    ]


TOOLS = """
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.builders import PromptBuilder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.tools import AgentTool, ComponentTool, PipelineTool, Tool

scout = Agent(chat_generator=OpenAIChatGenerator(), system_prompt="You scout.")
pipe = Pipeline()
pipe.add_component("ask", PromptBuilder("Sum up {{ text }}"))
pipe.add_component("llm", OpenAIChatGenerator())
pipe.connect("ask", "llm")

def look(text: str) -> str:
    return scout.run(messages=[text])["last_message"].text

lead = Agent(chat_generator=OpenAIChatGenerator(), system_prompt="You lead.", tools=[TOOL])

def work(task):
    return lead.run(messages=[task])
"""


@pytest.mark.parametrize(
    ("tool", "asked"),
    [
        ("ComponentTool(component=scout, name='scout')", 8),
        ("AgentTool(scout, name='scout', description='')", 8),
        ("PipelineTool(pipeline=pipe, name='sum', description='')", 11),
        ("Tool(name='look', function=look, description='', parameters={})", 15),
    ],
)
def test_an_agent_asks_what_its_tools_hold(tool: str, asked: int) -> None:
    file = compiled(TOOLS.replace("TOOL]", f"{tool}]"))
    line = next(call.line for call in file.calls if call.function == "work")
    assert {(line, asked, "data"), (asked, line, "loop")} <= edges(file)


def test_a_pipeline_that_only_goes_round_begins_with_what_was_added_first() -> None:
    file = compiled(TOOLS.replace("[TOOL]", "[]").replace("lead.run", "pipe.run") + LED_BACK)
    assert edges(file) == {(20, 20, "loop")}


LED_BACK = 'pipe.connect("llm.replies", "ask.text")\n'
