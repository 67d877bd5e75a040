"""The state of LangGraph's graphs: what nodes find in it and leave there."""

from itertools import pairwise

import pytest

from tests.unit.parser.compiled import compiled, edges, flows, lines

GRAPH = """
import operator
from typing import Annotated, TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send, interrupt

llm = ChatOpenAI(model="m")

class Work(TypedDict):
    topic: str
    plan: PLAN
    text: str

def first(state: Work):
    return {"plan": llm.invoke("Sketch " + state["topic"]).content}

def second(state: Work):
    return {"plan": llm.invoke("Improve " + state["plan"]).content}

def write(state: Work):
    return {"text": llm.invoke("Write " + state["plan"]).content}

graph = StateGraph(Work)
graph.add_node("first", first)
graph.add_node("write", write)
graph.add_node("second", second)
graph.add_edge(START, "first")
EDGES
"""


CHAIN = 'graph.add_edge("first", "second")\ngraph.add_edge("second", "write")'


SHORTCUT = 'graph.add_conditional_edges("first", choose, {"a": "second", "b": "write"})\n' + (
    'graph.add_edge("second", "write")'
)


def graph(plan: str, edges: str) -> str:
    return GRAPH.replace("PLAN", plan).replace("EDGES", edges)


def test_a_key_without_a_reducer_holds_what_was_written_last() -> None:
    assert edges(compiled(graph("str", CHAIN))) == {(16, 19, "data"), (19, 22, "data")}


def test_a_key_with_a_reducer_keeps_what_was_written_before() -> None:
    found = edges(compiled(graph("Annotated[list, operator.add]", CHAIN)))
    assert found == {(16, 19, "data"), (19, 22, "data"), (16, 22, "data")}


def test_a_node_that_may_be_skipped_feeds_the_next() -> None:
    found = edges(compiled(graph("str", SHORTCUT)))
    assert found == {(16, 19, "data"), (19, 22, "data"), (16, 22, "data")}


def test_a_node_that_writes_a_key_only_in_a_branch_may_leave_it() -> None:
    source = graph("str", CHAIN).replace(
        '    return {"plan": llm.invoke("Improve',
        '    if not state["plan"]:\n        return {}\n    return {"plan": llm.invoke("Improve',
    )
    assert (16, 24, "data") in edges(compiled(source))


def test_a_send_starts_one_task_each_with_a_state_of_its_own() -> None:
    file = compiled(
        graph(
            "str",
            "def spread(state):\n"
            '    return [Send("second", {"plan": part}) for part in state["plan"]]\n'
            'graph.add_conditional_edges("first", spread, ["second"])',
        )
    )
    by_line = {call.line: call for call in file.calls}
    assert edges(file) == {(16, 19, "data")}
    assert (by_line[16].fanout, by_line[19].fanout) == (None, "send")


def test_a_compiled_graph_that_is_a_node_takes_and_leaves_the_state() -> None:
    file = compiled(
        graph(
            "str",
            "inner = StateGraph(Work)\n"
            'inner.add_node("second", second)\n'
            'inner.add_edge(START, "second")\n'
            'graph.add_node("team", inner.compile())\n'
            'graph.add_edge("first", "team")\n'
            'graph.add_edge("team", "write")',
        ).replace('graph.add_node("second", second)\n', "")
    )
    assert edges(file) == {(16, 19, "data"), (19, 22, "data")}


def test_a_command_writes_and_leads_on() -> None:
    source = graph("str", "").replace(
        '    return {"plan": llm.invoke("Sketch " + state["topic"]).content}',
        '    made = llm.invoke("Sketch " + state["topic"]).content\n'
        '    return Command(goto="write", update={"plan": made})',
    )
    assert edges(compiled(source)) == {(16, 23, "data")}


def test_what_interrupt_returns_is_a_persons() -> None:
    source = graph("str", CHAIN).replace(
        '    return {"plan": llm.invoke("Improve " + state["plan"]).content}',
        '    return {"plan": interrupt("Is this fine? " + state["plan"])}',
    )
    assert edges(compiled(source)) == set()


def test_a_router_at_the_start_reads_nothing_of_the_end() -> None:
    source = graph("str", CHAIN).replace(
        'graph.add_edge(START, "first")',
        "def kind(state: Work):\n"
        '    return "first" if llm.invoke("Of what kind? " + state["text"]) else END\n'
        "graph.add_conditional_edges(START, kind)",
    )
    assert edges(compiled(source)) == {(16, 19, "data"), (19, 22, "data")}


def test_a_helper_may_take_the_state_and_return_a_fresh_dict() -> None:
    source = graph("str", CHAIN).replace(
        '    return {"text": llm.invoke("Write " + state["plan"]).content}',
        "    view = shortened(state)\n"
        '    return {"text": llm.invoke("Write " + view["plan"]).content}\n'
        "def shortened(state):\n"
        '    return {"plan": state["plan"][:9]}',
    )
    assert edges(compiled(source)) == {(16, 19, "data"), (19, 23, "data")}


MADE = """
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

def make_scout(llm):
    def scout(state):
        return {"facts": llm.invoke(f"Look at {state['town']}")}
    return scout

def make_writer(llm):
    def writer(state):
        return {"text": llm.invoke(f"Write about {state['facts']} after {state['verdict']}")}
    return writer

def make_judge(llm):
    def judge(state):
        return {"verdict": llm.invoke(f"Judge {state['text']}")}
    return judge

llm = ChatOpenAI(model="m")
writer_node = make_writer(llm)
graph = StateGraph(dict)
graph.add_node("Scout", make_scout(llm))
graph.add_node("Writer", writer_node)
graph.add_node("Judge", make_judge(llm))
graph.add_edge(START, "Scout")
graph.add_edge("Scout", "Writer")
graph.add_edge("Writer", "Judge")
graph.add_edge("Judge", "Writer")
"""


def test_a_node_may_be_a_function_that_another_makes() -> None:
    assert edges(compiled(MADE)) == {(7, 12, "data"), (17, 12, "loop"), (12, 17, "data")}


def test_what_stands_at_no_place_of_a_graph_still_reaches_its_nodes() -> None:
    source = MADE.replace('add_node("Scout", make_scout(llm))', "add_node(title, nodes[title])")
    assert (7, 12, "data") in edges(compiled(source))


def test_a_node_that_is_only_joined_by_name_is_the_function_of_that_name() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI
        from langgraph.graph import END, START, StateGraph

        llm = ChatOpenAI(model="m")

        def write(state):
            return {"text": llm.invoke(f"Write about {state['topic']}")}

        def name(state):
            return {"topic": llm.invoke(f"Find a title for {state['text']}")}

        graph = StateGraph(dict)
        for node in (write, name):
            graph.add_node(node.__name__, node)
        graph.add_edge(START, "write")
        graph.add_edge("write", "name")
        graph.add_edge("name", END)
        """
    )
    assert edges(file) == {(8, 11, "data")}


REMOVING = """
from langchain_core.messages import HumanMessage, RemoveMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import REMOVE_ALL_MESSAGES

llm = ChatOpenAI(model="m")

def ask(state: MessagesState):
    return {"messages": [llm.invoke(state["messages"])]}

def forget(state: MessagesState):
    return {"messages": REMOVED}

def close(state: MessagesState):
    return {"messages": [llm.invoke(state["messages"])]}

graph = StateGraph(MessagesState)
graph.add_node("ask", ask)
graph.add_node("forget", forget)
graph.add_node("close", close)
graph.add_edge(START, "ask")
graph.add_edge("ask", "forget")
graph.add_edge("forget", "close")
graph.add_edge("close", END)
app = graph.compile()
"""


@pytest.mark.parametrize(
    ("removed", "reaching"),
    [
        ('[RemoveMessage(id=one.id) for one in state["messages"]]', set()),
        ('[RemoveMessage(id=REMOVE_ALL_MESSAGES), HumanMessage(content="Go on.")]', set()),
        ('[RemoveMessage(id=one.id) for one in state["messages"][:-2]]', {10}),
        ('[HumanMessage(content="Go on.")]', {10}),
    ],
)
def test_messages_that_a_node_removes_reach_no_later_node(removed: str, reaching: set[int]) -> None:
    found = edges(compiled(REMOVING.replace("REMOVED", removed)))
    assert {source for source, target, _ in found if target == 16} == reaching


def test_the_attributes_of_an_object_in_a_graphs_state_are_kept_apart() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI
        from langgraph.graph import START, StateGraph

        llm = ChatOpenAI()

        def draft(state):
            state.turn.draft = llm.invoke("Draft " + state.question)

        def title(state):
            state.turn.title = llm.invoke("Name " + state.question)

        def refine(state):
            return {"final": llm.invoke("Refine " + state.turn.draft)}

        graph = StateGraph(dict)
        graph.add_node("draft", draft)
        graph.add_node("title", title)
        graph.add_node("refine", refine)
        graph.add_edge(START, "draft")
        graph.add_edge("draft", "title")
        graph.add_edge("title", "refine")
        """
    )
    assert edges(file) == {(8, 14, "data")}


RECORDS = """
from dataclasses import dataclass
from typing import TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph

llm = ChatOpenAI(model="m")

@dataclass
class Finding:
    source: str
    summary: str
    critique: str = ""

class Work(TypedDict):
    question: str
    findings: list
    answer: str

def search(state: Work):
    text = llm.invoke(f"Search for {state['question']}").content
    return {"findings": [FOUND]}

def review(state: Work):
    for finding in state["findings"]:
        SET = llm.invoke(f"Criticise {READ}").content
    return {"findings": state["findings"]}

def answer(state: Work):
    said = [one for one in (CRITIQUE for finding in state["findings"])]
    return {"answer": llm.invoke(f"Answer by {said}").content}

graph = StateGraph(Work)
graph.add_sequence([search, review, answer])
graph.add_edge(START, "search")
"""


@pytest.mark.parametrize(
    ("found", "written", "read", "critique"),
    [
        (
            'Finding("web", text)',
            "finding.critique",
            "{finding.source}: {finding.summary}",
            "finding.critique",
        ),
        (
            '{"source": "web", "summary": text}',
            'finding["critique"]',
            "{finding['summary']}",
            'finding["critique"]',
        ),
    ],
)
def test_of_records_in_a_list_of_the_state_the_fields_that_are_read_go_on(
    found: str, written: str, read: str, critique: str
) -> None:
    source = RECORDS.replace("FOUND", found).replace("SET", written).replace("{READ}", read)
    file = compiled(source.replace("CRITIQUE", critique))
    searched, reviewed, answered = lines(file)
    assert edges(file) == {(searched, reviewed, "data"), (reviewed, answered, "data")}


ENDS = """
from typing import Annotated, TypedDict
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.prebuilt import ToolNode

llm = ChatOpenAI(model="m")

class Talk(TypedDict):
    messages: Annotated[list, add_messages]

def ask(state: Talk):
    return {"messages": [llm.invoke(state["messages"])]}

def note(state: Talk):
    return {"messages": [llm.invoke("Note " + state["messages"][0].content)]}

def close(state: Talk):
    messages = state["messages"]
    return {"messages": [llm.invoke("Close " + READ.content)]}

graph = StateGraph(Talk)
graph.add_node("ask", ask)
graph.add_node("tools", ToolNode([print]))
graph.add_node("note", note)
graph.add_node("close", close)
graph.add_edge(START, "ask")
graph.add_edge("ask", "note")
EDGES
app = graph.compile()
app.invoke(GIVEN)
"""

INPUT = '{"messages": [("user", input())]}'


@pytest.mark.parametrize(
    ("read", "edge", "given", "reaching"),
    [
        ("messages[-1]", ("note", "close"), INPUT, {18}),
        ("messages[0]", ("note", "close"), INPUT, set()),
        ("messages[-2]", ("note", "close"), INPUT, {15, 18}),
        ("list(reversed(messages))[0]", ("note", "close"), INPUT, {15, 18}),
        ("messages[-1]", ("note", "tools", "close"), INPUT, set()),
        ("messages[0]", ("note", "close"), '{"messages": []}', {15, 18}),
        ("state.get('messages', [])[-1]", ("note", "close"), INPUT, {18}),
    ],
)
def test_a_node_that_reads_one_message_hears_who_wrote_that(
    read: str, edge: tuple[str, ...], given: str, reaching: set[int]
) -> None:
    ways = [f"graph.add_edge({one!r}, {other!r})" for one, other in pairwise(edge)]
    source = ENDS.replace("EDGES", "\n".join(ways)).replace("READ", read).replace("GIVEN", given)
    assert {source for source, target, _ in edges(compiled(source)) if target == 22} == reaching


@pytest.mark.parametrize(
    ("body", "last", "first"),
    [
        ("return held + new", {18}, {15, 18}),
        ("return [*held, *new]", {18}, {15, 18}),
        ("return operator.add(held or [], new)", {18}, {15, 18}),
        (
            "if isinstance(new, dict):\n        return new['all']\n    return held + new",
            {18},
            {15, 18},
        ),
        ("return new + held", {15, 18}, {15, 18}),
        ("return held + new if new else held[-3:]", {15, 18}, {15, 18}),
        ("if len(new) > 3:\n        return new + held\n    return held + new", {15, 18}, {15, 18}),
    ],
)
def test_a_reducer_of_the_programs_own_tells_what_is_last_where_it_puts_that_there(
    body: str, last: set[int], first: set[int]
) -> None:
    reducer = f"\n\ndef put(held, new):\n    {body}\n"
    joined = 'graph.add_edge("note", "close")'
    source = ENDS.replace("EDGES", joined).replace("GIVEN", INPUT).replace("add_messages]", "put]")
    for read, reaching in (("messages[-1]", last), ("messages[0]", first)):
        found = edges(compiled(source.replace("READ", read) + reducer))
        assert {source for source, target, _ in found if target == 22} == reaching


@pytest.mark.parametrize(("key", "reaching"), [("all", {18}), ("other", {15, 18})])
def test_a_node_begins_a_conversation_anew_by_the_dict_that_its_reducer_takes_it_from(
    key: str, reaching: set[int]
) -> None:
    reducer = (
        "\n\ndef put(held, new):\n    if isinstance(new, dict):\n"
        "        return new.get('all', new)\n    return held + new\n"
    )
    source = ENDS.replace("EDGES", 'graph.add_edge("note", "close")').replace("GIVEN", INPUT)
    source = source.replace("add_messages]", "put]").replace("READ", "messages[-1]")
    asked = '[llm.invoke(state["messages"])]'
    source = source.replace(asked, f'{{"kind": "anew", "{key}": {asked}}}')
    found = edges(compiled(source + reducer))
    assert {source for source, target, _ in found if target == 22} == reaching


def test_a_message_that_is_the_last_by_either_of_two_ways_may_be_eithers() -> None:
    source = ENDS.replace("READ", "messages[-1]").replace("GIVEN", INPUT)
    ways = 'graph.add_edge("note", "close")\ngraph.add_edge("ask", "close")'
    assert {(15, 22, "data"), (18, 22, "data")} <= edges(compiled(source.replace("EDGES", ways)))


def test_routers_that_functions_make_are_known() -> None:
    source = ENDS.replace("READ", "messages[-1]").replace("GIVEN", INPUT)
    source = source.replace(
        "graph = StateGraph",
        "def make_router(name):\n    def route(state: Talk):\n"
        '        return "close"\n    return route\n\ngraph = StateGraph',
    )
    ways = 'graph.add_conditional_edges("note", make_router("first"))'
    assert (18, 22, "data") in edges(compiled(source.replace("EDGES", ways)))


CALLED = """
from typing import TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

llm = ChatOpenAI(model="m")

class Work(TypedDict):
    topic: str
    parts: list

def plan(state: Work):
    return {"parts": llm.invoke("List the parts of " + state["topic"]).content.split()}

def write(state: Work):
    return {"text": llm.invoke(f"Write of {state['part']}").content}

def spread(state: Work):
    return [Send("write", {"part": part}) for part in state["parts"]]

def preview(topic):
    plan({"topic": topic})
    write({"part": topic})

graph = StateGraph(Work)
graph.add_node("plan", plan)
graph.add_node("write", write)
graph.add_edge(START, "plan")
graph.add_conditional_edges("plan", spread, ["write"])
graph.add_conditional_edges("write", lambda state: "plan" if state["topic"] else END)
"""


def test_nodes_that_functions_call_as_well_stand_where_the_graph_puts_them() -> None:
    assert edges(compiled(CALLED)) == {(14, 17, "data")}


PAIRS = """
import operator
from typing import Annotated, TypedDict
from langgraph.graph import END, START, StateGraph

class State(TypedDict):
    task: str
    done: Annotated[list[tuple[str, str]], operator.add]

def plan(state):
    return {"task": ask("Plan.")}

def work(state):
    return {"done": [(state["task"], ask(f"Do {state['task']}"))]}

def report(state):
    done = "\\n".join(READ)
    print(ask(f"Report {done}"))

graph = StateGraph(State)
for name, node in (("plan", plan), ("work", work), ("report", report)):
    graph.add_node(name, node)
graph.add_edge(START, "plan")
graph.add_edge("plan", "work")
graph.add_edge("work", "report")
graph.add_edge("report", END)
app = graph.compile()
"""


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("result for _, result in state['done']", {"work > report"}),
        ("pair[1] for pair in state['done']", {"work > report"}),
        (
            "f'{task}: {result}' for task, result in state['done']",
            {"plan > report", "work > report"},
        ),
    ],
)
def test_of_pairs_in_a_list_of_the_state_the_parts_that_are_read_go_on(
    read: str, found: set[str]
) -> None:
    assert flows(PAIRS.replace("READ", read)) == {"plan > work"} | found
