"""State graphs that functions run, and nodes that are lambdas or hand on all that they return."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, package

HEAD = """
from typing import TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import START, Graph, MessageGraph, StateGraph

llm = ChatOpenAI(model="m")
"""

RUN = """
class State(TypedDict):
    topic: str
    report: str
    other: str

def work(state):
    return {"report": llm.invoke(f"Report on {state['topic']}").content}

builder = StateGraph(State)
builder.add_node("work", work)
builder.add_edge(START, "work")
app = builder.compile()

def main(text):
    topic = llm.invoke(f"Topic of {text}").content
    result = app.invoke({GIVEN: topic})
    print(llm.invoke(f"Translate {result[TAKEN]}").content)

main("x")
"""


@pytest.mark.parametrize(
    ("given", "taken", "found"),
    [
        ("topic", "report", {(22, 14, "data"), (14, 24, "data")}),
        ("other", "report", {(14, 24, "data")}),
        ("other", "topic", set()),
        ("topic", "topic", {(22, 14, "data"), (22, 24, "data")}),
    ],
)
def test_a_graph_is_given_a_state_and_its_end_is_taken_out(
    given: str, taken: str, found: set[tuple[int, int, str]]
) -> None:
    source = RUN.replace("GIVEN", f'"{given}"').replace("TAKEN", f"'{taken}'")
    assert edges(compiled(HEAD + source)) == found


def test_an_object_runs_the_graph_that_it_has_built_of_its_methods() -> None:
    file = compiled(
        HEAD
        + """
class Team:
    def __init__(self):
        builder = StateGraph(dict)
        builder.add_node("work", self.work)
        builder.add_edge(START, "work")
        self.app = builder.compile()

    async def work(self, state):
        said = await llm.ainvoke(f"Report on {state['topic']}")
        return {"report": said.content}

    async def run(self, topic):
        result = await self.app.ainvoke({"topic": topic})
        return result["report"]

async def main(text):
    report = await Team().run(text)
    print(await llm.ainvoke(f"Translate {report} please"))
"""
    )
    assert edges(file) == {(16, 25, "data")}


SUBGRAPH = """
class Inner(TypedDict):
    query: str
    notes: str

def look(state: Inner):
    return {"notes": llm.invoke(f"Look for {state['query']}").content}

def digest(state: Inner):
    return {"hits": llm.invoke(f"Digest {state['notes']}").content}

def build():
    inner = StateGraph(Inner)
    inner.add_node("look", look)
    inner.add_node("digest", digest)
    inner.add_edge(START, "look")
    inner.add_edge("look", "digest")
    return inner.compile()

def plan(state):
    return {"topic": state["topic"], "notes": llm.invoke(f"Plan {state['topic']}").content}

def research(state):
    found = build().invoke({"query": state[GIVEN]})
    return {"report": found["hits"]}

def close(state):
    print(llm.invoke(f"Close {state['report']}").content)

outer = StateGraph(dict)
outer.add_node("plan", plan)
outer.add_node("research", research)
outer.add_node("close", close)
outer.add_edge(START, "plan")
outer.add_edge("plan", "research")
outer.add_edge("research", "close")
outer.compile().invoke({"topic": "x"})
"""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("notes", {(27, 13, "data"), (13, 16, "data"), (16, 34, "data")}),
        ("topic", {(13, 16, "data"), (16, 34, "data")}),
    ],
)
def test_a_graph_that_a_node_runs_has_a_state_of_its_own(
    given: str, found: set[tuple[int, int, str]]
) -> None:
    assert edges(compiled(HEAD + SUBGRAPH.replace("GIVEN", f'"{given}"'))) == found


def test_a_lambda_may_be_a_node() -> None:
    file = compiled(
        HEAD
        + """
builder = StateGraph(dict)
builder.add_node("plan", lambda state: {"plan": llm.invoke(f"Plan {state['topic']}").content})
builder.add_node("write", lambda state: {"text": llm.invoke(f"Write {state['plan']}").content})
builder.add_node("close", lambda state: {"end": llm.invoke(f"Close {state['topic']}").content})
builder.add_edge(START, "plan")
builder.add_edge("plan", "write")
builder.add_edge("write", "close")
builder.compile().invoke({"topic": "x"})
"""
    )
    assert edges(file) == {(9, 10, "data")}


HANDING = """
def outline(given):
    return llm.invoke(f"Outline {given}").content

def upper(text):
    return text.upper()

def write(given):
    print(llm.invoke(f"Write by {given}").content)

builder = GRAPH()
builder.add_node("outline", outline)
builder.add_node("upper", upper)
builder.add_node("write", write)
builder.add_edge("outline", "upper")
builder.add_edge("upper", "write")
builder.set_entry_point("outline")
builder.compile().invoke("x")
"""


@pytest.mark.parametrize(
    ("graph", "found"),
    [("Graph", {(9, 15, "data")}), ("MessageGraph", {(9, 15, "data")}), ("StateGraph", set())],
)
def test_a_node_hands_on_all_that_it_returns_where_the_graph_has_no_keys(
    graph: str, found: set[tuple[int, int, str]]
) -> None:
    assert edges(compiled(HEAD + HANDING.replace("GRAPH", graph))) == found


SENT = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

llm = ChatOpenAI(model="m")

def note(state: dict):
    return {"notes": llm.invoke(f"Note {state['question']}").content}

inner = StateGraph(dict)
inner.add_node("note", note)
inner.add_edge(START, "note")
researcher = inner.compile()

def ask(state: dict):
    return {"questions": llm.invoke(f"Ask about {state['topic']}").content.splitlines()}

def spread(state: dict):
    return [Send("research", {"question": one}) for one in state["questions"]]

def research(state: dict):
    return {"found": [researcher.invoke({"question": state["question"]})["notes"]]}

def report(state: dict):
    return {"report": llm.invoke(f"Report {state['found']}").content}

outer = StateGraph(dict)
outer.add_node("ask", ask)
outer.add_node("research", research)
outer.add_edge(START, "ask")
outer.add_conditional_edges("ask", spread, ["research"])
outer.add_node("report", report)
outer.add_edge("research", "report")
app = outer.compile()
"""


def test_a_graph_that_a_sent_task_runs_runs_as_often_as_tasks_are_sent() -> None:
    noted, asked, reported = compiled(SENT).calls
    assert (noted.fanout, asked.fanout, reported.fanout) == ("send", None, None)


def test_a_graph_that_a_module_makes_which_comes_later_is_no_model() -> None:
    found = package(
        chat="""
        from team.graph import build

        def main():
            agent, handler = build()
            while True:
                result = agent.invoke({"messages": [("user", input())]})
                print(result["messages"][-1].content)

        if __name__ == "__main__":
            main()
        """,
        team__graph="""
        from langchain_openai import ChatOpenAI
        from langgraph.graph import MessagesState, StateGraph

        def build():
            llm = ChatOpenAI()

            def work(state: MessagesState):
                return {"messages": [llm.invoke(state["messages"])]}

            graph = StateGraph(MessagesState)
            graph.add_node("work", work)
            graph.set_entry_point("work")
            return graph.compile(), None
        """,
    )
    assert lines(found["chat.py"]) == []
    assert lines(found["team/graph.py"]) == [9]


LED = """
import asyncio, operator
from typing import Annotated
from langgraph.types import Command

class Lead(TypedDict):
    talk: Annotated[list, operator.add]

class Work(TypedDict):
    topic: str
    found: str
    short: str

async def lead(state: Lead):
    answer = await llm.ainvoke(["Lead."] + state["talk"])
    return Command(goto="hand_out", update={"talk": [answer]})

async def hand_out(state: Lead):
    asked = state["talk"][-1].tool_calls
    if not asked:
        return Command(goto="__end__")
    RUN
    return Command(goto="lead", update={"talk": [one["short"] for one in done]})

async def work(state: Work):
    return {"found": (await llm.ainvoke(f"Work on {state['topic']}")).content}

async def shorten(state: Work):
    return {"short": (await llm.ainvoke(f"Shorten {state['found']}")).content}

working = StateGraph(Work)
working.add_node("work", work)
working.add_node("shorten", shorten)
working.add_edge(START, "work")
working.add_edge("work", "shorten")
worker = working.compile()

leading = StateGraph(Lead)
leading.add_node("lead", lead)
leading.add_node("hand_out", hand_out)
leading.add_edge(START, "lead")
app = leading.compile()
"""

TOGETHER = "done = await asyncio.gather(*[worker.ainvoke({'topic': one}) for one in asked])"
IN_TURN = "done = [await worker.ainvoke({'topic': one}) for one in asked]"


@pytest.mark.parametrize("run", [TOGETHER, IN_TURN])
def test_what_runs_of_a_graph_end_with_is_there_in_the_next_pass_of_what_runs_it(run: str) -> None:
    leading, working, shortening = lines(file := compiled(HEAD + LED.replace("RUN", run)))
    assert edges(file) == {
        (leading, leading, "loop"),
        (leading, working, "data"),
        (working, shortening, "data"),
        (shortening, leading, "loop"),
    }


@pytest.mark.parametrize(
    ("run", "found"), [(TOGETHER, [None, "gather", "gather"]), (IN_TURN, [None] * 3)]
)
def test_the_calls_of_a_graph_run_side_by_side_as_its_runs_do(
    run: str, found: list[str | None]
) -> None:
    assert [call.fanout for call in compiled(HEAD + LED.replace("RUN", run)).calls] == found


def test_a_loop_that_runs_a_graph_repeats_the_calls_of_that_graph_alone() -> None:
    calls = compiled(HEAD + LED.replace("RUN", IN_TURN)).calls
    repeated = [[loop.kind for loop in call.repeated_by] for call in calls]
    assert repeated == [["cycle"], ["cycle", "caller"], ["cycle", "caller"]]
