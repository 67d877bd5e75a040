"""Nodes of state graphs that lie in several files and classes, and graphs that are put together
under one name."""

from tests.unit.parser.compiled import compiled, edges, package

HEAD = """
import operator
from typing import Annotated, Literal, TypedDict
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send

llm = ChatOpenAI(model="m")

class Work(TypedDict):
    task: str
    plan: str
    facts: str
    text: str
    notes: Annotated[list, operator.add]
"""


def asking(name: str, question: str, key: str) -> str:
    """A file with a node of that name."""
    return (
        f"{HEAD}\ndef {name}(state: Work):\n"
        f'    return {{"{key}": llm.invoke(f"{question}").content}}\n'
    )


def test_functions_of_one_name_in_several_files_are_told_apart() -> None:
    files = package(
        critic=asking("run", "Criticise {state['text']}", "facts"),
        planner=asking("run", "Plan {state['task']}", "plan"),
        writer=asking("run", "Write by {state['plan']} and {state['facts']}", "text"),
        flow=HEAD
        + "from . import critic, planner, writer\n"
        + "graph = StateGraph(Work)\n"
        + 'graph.add_node("plan", planner.run)\n'
        + 'graph.add_node("write", writer.run)\n'
        + 'graph.add_node("review", critic.run)\n'
        + 'graph.add_edge(START, "plan")\n'
        + 'graph.add_edge("plan", "write")\n'
        + 'graph.add_edge("write", "review")\n'
        + 'graph.add_conditional_edges("review", good, {"no": "write", "yes": END})\n',
    )
    calls = [call for file in files.values() for call in file.calls]
    path = {call.id: call.path.rpartition("/")[2].removesuffix(".py") for call in calls}
    found = {
        (path[edge.call], path[call.id], edge.carried) for call in calls for edge in call.depends_on
    }
    assert found == {
        ("planner", "writer", "data"),
        ("writer", "critic", "data"),
        ("critic", "writer", "loop"),
    }


def test_methods_of_one_name_of_several_classes_are_told_apart() -> None:
    file = compiled(
        HEAD
        + """
class Writer:
    def process(self, state: Work):
        return {"text": llm.invoke(f"Write by {state['plan']}").content}

class Critic:
    def process(self, state: Work):
        return {"facts": llm.invoke(f"Criticise {state['text']}").content}

writer = Writer()
critic = Critic()
graph = StateGraph(Work)
graph.add_node("write", writer.process)
graph.add_node("review", critic.process)
graph.add_edge(START, "review")
graph.add_edge("review", "write")
"""
    )
    assert edges(file) == set()


INNER = """
def plan(state: Work):
    return {"plan": llm.invoke(f"Plan {state['task']}").content}

def search(state: Work):
    return {"facts": llm.invoke(f"Find facts for {state['plan']}").content}

def note(state: Work):
    return {"notes": [llm.invoke(f"Note {state['facts']}").content]}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['notes']}").content}

def build_research():
    graph = StateGraph(Work)
    graph.add_node("search", search)
    graph.add_node("note", note)
    graph.add_edge(START, "search")
    graph.add_edge("search", "note")
    return graph.compile()

def build():
    graph = StateGraph(Work)
    graph.add_node("plan", plan)
    graph.add_node("research", build_research())
    graph.add_node("write", write)
    graph.add_edge(START, "plan")
    LEAD
    graph.add_edge("research", "write")
    return graph.compile()
"""


def test_a_graph_of_another_function_is_a_node_though_both_are_called_the_same() -> None:
    file = compiled(HEAD + INNER.replace("LEAD", 'graph.add_edge("plan", "research")'))
    assert edges(file) == {(18, 21, "data"), (21, 24, "data"), (24, 27, "data")}


def test_what_is_sent_into_a_graph_runs_side_by_side_all_through_it() -> None:
    spread = (
        "def spread(state: Work):\n"
        '    return Command(goto=[Send("research", {"plan": one}) for one in state["plan"]])\n'
    )
    lead = 'graph.add_conditional_edges("plan", spread, ["research"])'
    file = compiled(HEAD + INNER.replace("LEAD", lead) + spread)
    assert [call.fanout for call in file.calls] == [None, "send", "send", None]


def test_one_function_behind_several_nodes_of_a_fork_runs_beside_itself() -> None:
    file = compiled(
        HEAD
        + """
def make(role):
    def node(state: Work):
        return {"notes": [llm.invoke(f"As {role} answer {state['task']}").content]}
    return node

bull = make("bull")
bear = make("bear")
graph = StateGraph(Work)
graph.add_node("bull", bull)
graph.add_node("bear", bear)
graph.add_edge(START, "bull")
graph.add_edge(START, "bear")
"""
    )
    assert [call.fanout for call in file.calls] == ["fork"]


def test_what_a_supervisor_leaves_as_it_is_reaches_the_next_in_the_same_pass() -> None:
    file = compiled(
        HEAD
        + """
def supervise(state: Work) -> Command[Literal["search", "write"]]:
    step = llm.invoke(f"What is next for {state['task']}?").content
    return Command(update={"plan": step}, goto="search" if "s" in step else "write")

def search(state: Work):
    found = llm.invoke(f"Find facts for {state['task']} and mind {state['text']}").content
    return {"facts": found, "notes": [found]}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['facts']} and {state['notes']}").content}

graph = StateGraph(Work)
graph.add_node("supervise", supervise)
graph.add_node("search", search)
graph.add_node("write", write)
graph.add_edge(START, "supervise")
graph.add_edge("search", "supervise")
graph.add_edge("write", "supervise")
"""
    )
    assert edges(file) == {(22, 26, "data"), (26, 22, "loop")}


AGENTS = """
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import create_react_agent

llm = ChatOpenAI(model="m")

def make(role):
    return create_react_agent(llm, tools=[], prompt=f"You are the {role}.")

research = make("researcher")
writer = create_react_agent(llm, tools=[], prompt="You write.")

def review(state: MessagesState):
    return {"messages": [llm.invoke([("system", "Review."), *state["messages"]])]}

graph = StateGraph(MessagesState)
graph.add_node("research", research)
graph.add_node("write", writer)
graph.add_node("review", review)
graph.add_edge(START, "research")
graph.add_edge("research", "write")
graph.add_edge("write", "review")
app = graph.compile()
"""


def test_agents_that_are_nodes_hear_the_conversation_and_leave_their_answers_in_it() -> None:
    file = compiled(AGENTS)
    assert edges(file) == {(9, 12, "data"), (9, 15, "data"), (12, 15, "data")}


def test_agents_alone_are_calls_of_their_graph() -> None:
    functions = AGENTS.index("def review"), AGENTS.index("graph = ")
    alone = AGENTS[: functions[0]] + AGENTS[functions[1] :].replace(
        'graph.add_node("review", review)\n', ""
    ).replace('graph.add_edge("write", "review")\n', "")
    assert edges(compiled(alone)) == {(9, 12, "data")}


def test_a_node_whose_next_only_the_running_program_knows_may_lead_to_any() -> None:
    file = compiled(
        HEAD
        + """
MEMBERS = ["search", "write"]

def supervise(state: Work) -> Command[Literal[*MEMBERS, "__end__"]]:
    answer = llm.with_structured_output(Router).invoke(f"Who is next? {state['notes'][-1]}")
    return Command(goto=answer["next"])

def search(state: Work) -> Command[Literal["supervise"]]:
    found = llm.invoke(f"Find facts for {state['task']}").content
    return Command(update={"notes": [found]}, goto="supervise")

def write(state: Work) -> Command[Literal["supervise"]]:
    text = llm.invoke(f"Write by {state['notes']}").content
    return Command(update={"notes": [text]}, goto="supervise")

graph = StateGraph(Work)
graph.add_node("supervise", supervise)
graph.add_node("search", search)
graph.add_node("write", write)
graph.add_edge(START, "supervise")
"""
    )
    assert {(24, 20, "loop"), (28, 20, "loop"), (24, 28, "data")} <= edges(file)
    assert [bool(call.repeated_by) for call in file.calls] == [True, True, True]


CALLABLE = """
class Step:
    def __call__(self, state: Work):
        return self.work(state, "harbour")

    def work(self, state: Work, place: str):
        raise NotImplementedError

class Plan(Step):
    def work(self, state: Work, place: str):
        return {"plan": llm.invoke(f"Plan {state['task']}, {state['facts']}").content}

class Write(Step):
    def work(self, state: Work, place: str):
        return {"text": llm.invoke(f"Write by {state['plan']}").content}

class Praise(Step):
    def work(self, state: Work, place: str):
        return {"facts": llm.invoke(f"Praise {state['text']}").content}

make_plan = Plan()
make_text = Write()
make_praise = Praise()
graph = StateGraph(Work)
graph.add_node("plan", make_plan)
graph.add_node("write", make_text)
graph.add_node("praise", make_praise)
graph.add_edge(START, "plan")
graph.add_edge("plan", "write")
graph.add_edge("write", "praise")
graph.add_edge("praise", END)
"""


def test_objects_that_a_base_makes_callable_are_the_nodes_that_their_own_methods_are() -> None:
    found = compiled(HEAD + CALLABLE)
    said = (HEAD + CALLABLE).splitlines()
    words = {
        number: line.split('f"')[1].split()[0]
        for number, line in enumerate(said, 1)
        if 'f"' in line
    }
    assert {(words[first], words[second], carried) for first, second, carried in edges(found)} == {
        ("Plan", "Write", "data"),
        ("Write", "Praise", "data"),
    }


LOGGED = """
def plan(state: Work):
    return {"plan": llm.invoke(f"Plan {state['task']}").content}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['plan']} and {state['facts']}").content}

def search(state: Work):
    return {"facts": llm.invoke(f"Search by {state['plan']}").content}

def logged(name, function):
    def step(state: Work):
        print(name)
        return function(state)
    return step

def safe():
    def step(state: Work):
        return search(state)
    return step

graph = StateGraph(Work)
graph.add_node("plan", logged("plan", plan))
graph.add_node("search", safe())
graph.add_node("write", logged("write", function=write))
graph.add_edge(START, "plan")
graph.add_conditional_edges("plan", lambda state: [Send("search", {"plan": state["plan"]})])
graph.add_edge("search", "write")
"""


def test_nodes_made_of_functions_by_others_are_those_functions() -> None:
    found = compiled(HEAD + LOGGED)
    plan, write, search = [call.line for call in found.calls]
    assert edges(found) == {
        (plan, search, "data"),
        (plan, write, "data"),
        (search, write, "data"),
    }
    assert [call.fanout for call in found.calls] == [None, None, "send"]
    assert not any(call.repeated_by for call in found.calls)


RETURNED = """
from langchain.agents import create_agent
from langgraph.graph import MessagesState

seller = create_agent("m", tools=[], system_prompt="You sell.")
helper = create_agent("m", tools=[], system_prompt="You help.")

def sell(state: MessagesState):
    return seller.invoke(state)

def help_out(state: MessagesState):
    response = helper.invoke(state)
    return response

graph = StateGraph(MessagesState)
graph.add_sequence([sell, help_out])
graph.add_edge(START, "sell")
"""


def test_what_an_agent_answers_is_left_in_the_messages_where_a_node_returns_it() -> None:
    found = compiled(HEAD + RETURNED)
    sold, helped = [call.line for call in found.calls]
    assert edges(found) == {(sold, helped, "data")}


BESIDE = """
from langchain.agents import create_agent

helper = create_agent("m", tools=[], system_prompt="You help.")

def lead(state):
    return {"next": llm.invoke(state["messages"]).content}

def help_out(state):
    return {"messages": helper.invoke(state)["messages"][-1:]}

graph = StateGraph(dict)
graph.add_sequence([lead, help_out])
graph.add_edge(START, "lead")
graph.add_conditional_edges("help_out", lambda state: state["next"], ["lead", END])
"""


def test_an_agent_that_is_given_the_state_hears_its_messages_alone() -> None:
    found = compiled(HEAD + BESIDE)
    led, helped = [call.line for call in found.calls]
    assert edges(found) == {(helped, led, "loop"), (helped, helped, "loop")}


TOOLS = """
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openai import OpenAI

client = OpenAI()

@tool
def research(question: str) -> str:
    "Look something up."
    return client.responses.create(model="m", instructions="Search.", input=question).output_text

@tool
def count(word: str) -> int:
    "Count letters."
    return len(word)

tools = [research, count]
model = ChatOpenAI().bind_tools(tools)

def think(state: MessagesState):
    return {"messages": [model.invoke(state["messages"])]}

graph = StateGraph(MessagesState)
graph.add_node("think", think)
graph.add_node("tools", ToolNode(tools))
graph.set_entry_point("think")
graph.add_conditional_edges("think", tools_condition)
"""


def test_a_tool_behind_a_node_is_given_what_the_model_wrote_and_its_answer_is_heard() -> None:
    file = compiled(TOOLS + 'graph.add_edge("tools", "think")\napp = graph.compile()\n')
    assert edges(file) == {(24, 13, "data"), (13, 24, "loop"), (24, 24, "loop")}


def test_what_a_tool_behind_a_node_answered_reaches_the_node_after_it_in_the_same_pass() -> None:
    file = compiled(
        TOOLS
        + "def answer(state: MessagesState):\n"
        + '    return {"messages": [model.invoke(state["messages"])]}\n'
        + 'graph.add_node("answer", answer)\n'
        + 'graph.add_edge("tools", "answer")\n'
        + "app = graph.compile()\n"
    )
    assert edges(file) == {(24, 13, "data"), (13, 32, "data"), (24, 32, "data")}


HANDED = (
    HEAD
    + """
def runner(name, graph):
    def run(state: Work):
        result = graph.invoke({"task": state["task"]})
        return {"facts": result["facts"]}
    return run

def worker(model, name):
    def work(state: Work):
        return {"facts": model.invoke(f"Find out about {state['task']}").content}
    inner = StateGraph(Work)
    inner.add_node("work", work)
    inner.add_edge(START, "work")
    inner.add_edge("work", END)
    return inner.compile()

def build():
    graphs = {name: worker(llm, name) for name in ("sea", "land")}
    def lead(state: Work):
        return {"plan": llm.invoke(f"Say who should look into {state['task']}").content}
    def close(state: Work):
        return {"text": llm.invoke(f"Write about {state['facts']}").content}
    outer = StateGraph(Work)
    outer.add_node("lead", lead)
    for name in ("sea", "land"):
        outer.add_node(name, runner(name, graphs[name]))
        outer.add_edge(name, "close")
    outer.add_node("close", close)
    outer.add_edge(START, "lead")
    outer.add_conditional_edges("lead", lambda state: state["plan"], ["sea", "land"])
    return outer.compile()

build().invoke({"task": "tides"})
"""
)


def test_a_node_runs_the_graph_that_the_function_around_it_is_given() -> None:
    assert edges(compiled(HANDED)) == {(25, 37, "data")}


def test_a_function_that_a_node_gives_its_state_is_no_node_itself() -> None:
    files = package(
        lead=asking("lead", "Say who should do {state['task']} after {state['facts']}", "plan"),
        close=asking("close", "Write about {state['facts']}", "text"),
        work=asking("find", "Find out about {state['task']}", "facts"),
        flow=HEAD
        + """
from unseen import tools
from .lead import lead
from .close import close
from .work import find

def lead_node(state: Work):
    return lead(state)

def close_node(state: Work):
    return close(state)

graph = StateGraph(Work)
graph.add_node("lead", lead_node)
graph.add_node("find", find)
graph.add_node("tools", tools)
graph.add_node("close", close_node)
graph.add_edge(START, "lead")
graph.add_edge("lead", "find")
graph.add_edge("find", "tools")
graph.add_edge("tools", "close")
""",
    )
    calls = [call for file in files.values() for call in file.calls]
    path = {call.id: call.path.rpartition("/")[2].removesuffix(".py") for call in calls}
    assert {(path[edge.call], path[one.id]) for one in calls for edge in one.depends_on} == {
        ("work", "close")
    }


def test_what_a_node_changes_in_the_state_that_it_returns_is_written() -> None:
    file = compiled(
        HEAD
        + """
class Finder:
    def __call__(self, state: Work):
        state["facts"] = llm.invoke(f"Find out about {state['task']}").content
        return state

finder = Finder()

def find(state: Work):
    return finder(state)

def write(state: Work):
    if not state["facts"]:
        raise ValueError("Nothing found")
    return {"text": llm.invoke(f"Write about {state['facts']}").content}

graph = StateGraph(Work)
graph.add_node("find", find)
graph.add_node("write", write)
graph.add_edge(START, "find")
graph.add_edge("find", "write")
graph.compile().invoke({"task": "tides", "facts": None})
"""
    )
    assert edges(file) == {(19, 30, "data")}


RUNNABLES = """
from langchain_core.runnables import RunnableLambda

class Work(TypedDict):
    topic: str
    plan: str
    text: str

def plan(state: Work):
    return {"plan": llm.invoke(f"Plan {state['topic']}").content}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['plan']} on {state['topic']}").content}

def check(state: Work):
    return {"topic": llm.invoke(f"Check {state['text']}").content}

def tagged(name, function, **settings):
    return RunnableLambda(function, name=name).with_config(tags=[name], metadata=settings)

graph = StateGraph(Work)
graph.add_node("first", tagged("plan", plan))
graph.add_node("second", RunnableLambda(write).with_retry())
graph.add_node("third", tagged("check", function=check))
graph.add_edge(START, "first")
graph.add_edge("first", "second")
graph.add_edge("second", "third")
"""


def test_a_node_that_a_library_makes_of_a_function_is_that_function() -> None:
    found = compiled(HEAD + RUNNABLES)
    plan, write, check = [call.line for call in found.calls]
    assert edges(found) == {(plan, write, "data"), (write, check, "data")}


BY_NAME = """
def plan(state: Work):
    return {"plan": llm.invoke(f"Plan {state['task']} and heed {state['facts']}").content}

def write(state: Work):
    return {"text": llm.invoke(f"Write by {state['plan']}").content}

def check(state: Work):
    return {"facts": llm.invoke(f"Check {state['text']}").content}

def choose(state: Work):
    return "again" if state["facts"] else "done"

graph = StateGraph(state_schema=Work)
graph.add_node(node="first", action=plan)
graph.add_node(action=write, node="second")
graph.add_node(node=check)
graph.set_entry_point(key="first")
graph.add_edge(start_key="first", end_key="second")
graph.add_edge(start_key="second", end_key="check")
graph.add_conditional_edges(
    source="check", path=choose, path_map={"again": "first", "done": END}
)
"""


def test_a_graph_may_be_declared_by_the_names_of_what_its_methods_take() -> None:
    found = compiled(HEAD + BY_NAME)
    plan, write, check = [call.line for call in found.calls]
    assert edges(found) == {(plan, write, "data"), (write, check, "data"), (check, plan, "loop")}
    assert all(call.repeated_by for call in found.calls)
