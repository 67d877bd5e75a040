"""What frameworks do with prompts, models and state: LangChain's pipes, LangGraph's graphs."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, only

CHAINS = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from shop.models import llm, provider_for

prompt = ChatPromptTemplate.from_template("Praise {idea}")

def praise(idea, model, config):
    return (CHAIN).invoke({"idea": idea})
"""


@pytest.mark.parametrize(
    "chain",
    [
        "prompt | model",
        "prompt | model | StrOutputParser()",
        "prompt | llm.with_structured_output(dict)",
        "prompt | provider_for(config.vendor).llm | StrOutputParser()",
        "llm | StrOutputParser()",
        "llm.bind_tools([])",
    ],
)
def test_a_pipe_holds_a_model_that_is_imported_or_passed_in(chain: str) -> None:
    assert lines(compiled(CHAINS.replace("CHAIN", chain))) == [9]


@pytest.mark.parametrize("chain", ["prompt | StrOutputParser()", "config | model", "prompt"])
def test_a_pipe_without_a_model_is_no_call(chain: str) -> None:
    assert lines(compiled(CHAINS.replace("CHAIN", chain))) == []


def test_the_name_of_a_prompt_that_is_kept_elsewhere_is_not_its_text() -> None:
    call = only(
        compiled(
            """
            from langchain import hub
            from langchain_openai import ChatOpenAI

            chain = hub.pull("library/answer") | ChatOpenAI(model="m")

            def ask(question):
                return chain.invoke({"question": question})
            """
        )
    )
    assert [(segment.kind, segment.expression) for segment in call.segments] == [
        ("unknown", ""),
        ("variable", "question"),
    ]


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


def test_handlers_that_answer_each_others_messages_go_round() -> None:
    file = compiled(
        """
        from autogen_core import RoutedAgent, message_handler

        class Player(RoutedAgent):
            @message_handler
            async def on_move(self, message: Move, ctx: MessageContext) -> None:
                got = await self.client.chat.completions.create(messages=message.text)
                await self.publish_message(Move(text=got.content))

            @message_handler
            async def on_end(self, message: End, ctx: MessageContext) -> None:
                got = await self.client.chat.completions.create(messages=message.text)
                print(Move(text=got))
        """
    )
    assert [[loop.kind for loop in call.repeated_by] for call in file.calls] == [["cycle"], []]


def test_a_flow_goes_round_where_a_router_leads_back() -> None:
    source = """
        from crewai.flow.flow import Flow, listen, router, start

        class AdFlow(Flow):
            @start(WORD)
            def write(self):
                return self.llm.complete(prompt="Write an advertisement for us")

            @router(write)
            def judge(self):
                verdict = self.llm.complete(prompt="Judge the advertisement as we would")
                return "done" if verdict else "again"

            @listen("done")
            def show(self):
                return self.llm.complete(prompt="Say in a line what it is about")
        """
    round_about = compiled(source.replace("WORD", '"again"'))
    straight = compiled(source.replace("WORD", ""))
    assert [len(call.repeated_by) for call in round_about.calls] == [1, 1, 0]
    assert [len(call.repeated_by) for call in straight.calls] == [0, 0, 0]


def test_what_went_in_comes_back_with_the_answer() -> None:
    file = compiled(
        """
        from agents import Agent, Runner

        async def slogan(wish, writer, critic, judge):
            items = [{"role": "user", "content": wish}]
            made = await Runner.run(writer, items)
            heard = await Runner.run(critic, made.to_input_list())
            await Runner.run(judge, heard.to_input_list())
            await Runner.run(judge, heard.final_output)
        """
    )
    assert edges(file) == {(6, 7, "data"), (6, 8, "data"), (7, 8, "data"), (7, 9, "data")}


def test_an_agent_remembers_what_it_was_asked_before() -> None:
    file = compiled(
        """
        from autogen_agentchat.agents import AssistantAgent

        async def play(game, client):
            player = AssistantAgent("p", model_client=client, system_message="You play.")
            other = AssistantAgent("o", model_client=client, system_message="You watch.")
            while not game.over():
                await player.run(task=f"The board is {game.board()}")
            await other.run(task="Who won?")
        """
    )
    assert edges(file) == {(8, 8, "loop")}


def test_a_router_of_mcp_agent_asks_a_model_and_one_by_embeddings_does_not() -> None:
    file = compiled(
        """
        from mcp_agent.workflows.intent_classifier.intent_classifier_llm_openai import (
            OpenAILLMIntentClassifier,
        )
        from mcp_agent.workflows.router.router_embedding_openai import OpenAIEmbeddingRouter
        from mcp_agent.workflows.router.router_llm_openai import OpenAILLMRouter

        async def work(asked, agents):
            router = OpenAILLMRouter(name="router", agents=agents)
            await router.route_to_agent(request=asked, top_k=1)
            await OpenAIEmbeddingRouter(agents=agents).route_to_agent(request=asked)
            await OpenAILLMIntentClassifier(intents=[]).classify(request=asked)
        """
    )
    assert lines(file) == [10, 12]
