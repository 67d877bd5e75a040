"""Tools that the program runs itself, as a model asks for them."""

import pytest

from tests.unit.parser.compiled import compiled, edges

LOOP = """
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool, tool
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")

def look(code: str) -> str:
    return llm.invoke(f"Name three weak places of this code: {code}").content

MADE

asking = llm.bind_tools(list(TOOLS.values()))

def run(task):
    messages = [HumanMessage(task)]
    while True:
        answer = asking.invoke(messages)
        messages.append(answer)
        for call in answer.tool_calls:
            found = TOOLS[call["name"]].invoke(GIVEN)
            messages.append(ToolMessage(content=found, tool_call_id=call["id"]))
"""

AS_CLASS = """
class Look(BaseTool):
    name = "look"

    def _run(self, code):
        return look(code)

TOOLS = {"look": Look()}
"""


@pytest.mark.parametrize(
    ("made", "given"),
    [
        ('TOOLS = {"look": tool(look)}', "call['args']"),
        ('TOOLS = {"look": Tool(name="look", func=look)}', "call['args']['code']"),
        ('TOOLS = {"look": StructuredTool.from_function(look)}', "call"),
        ("look = tool(look)\nTOOLS = {one.name: one for one in [look]}", "call['args']"),
        (AS_CLASS, "{'code': call['args']['code']}"),
    ],
)
def test_a_tool_that_the_program_runs_is_given_what_it_says(made: str, given: str) -> None:
    file = compiled(LOOP.replace("MADE", made).replace("GIVEN", given))
    tool, agent = file.calls[0].line, file.calls[-1].line
    assert edges(file) == {
        (agent, tool, "data"),
        (tool, agent, "loop"),
        (agent, agent, "loop"),
    }


DECORATED = """
from langchain.tools import tool
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")

def tools():
    @tool("look")
    def look(code: str, tone: str) -> str:
        return llm.invoke(f"Name three weak places of this code: {code}").content

    return [look]

def main():
    code = llm.invoke("Write a parser of dates").content
    tone = llm.invoke("Name a tone of voice").content
    for one in tools():
        if one.name == "look":
            print(one.run(GIVEN))
"""


@pytest.mark.parametrize(
    ("given", "heard"),
    [('{"code": code, "tone": tone}', {15}), ("code + tone", {15, 16}), ('{"tone": tone}', set())],
)
def test_each_parameter_is_given_its_own_member(given: str, heard: set[int]) -> None:
    file = compiled(DECORATED.replace("GIVEN", given))
    assert edges(file) == {(line, 10, "data") for line in heard}
