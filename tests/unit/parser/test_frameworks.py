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


TEMPLATE = """
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_openai import ChatOpenAI

prompt = ChatPromptTemplate.from_messages(
    [("system", "You sell {goods}. "), MessagesPlaceholder("talk"), ("human", "Answer.")]
)

def ask(talk, goods):
    PARTLY
    return (prompt | ChatOpenAI(model="m")).invoke(GIVEN)
"""


@pytest.mark.parametrize(
    ("partly", "given"),
    [
        ("pass", '{"talk": talk, "goods": goods}'),
        ("prompt = prompt.partial(goods=goods)", "talk"),
        ("prompt = prompt.partial(goods=goods)", '{"talk": talk}'),
    ],
)
def test_a_placeholder_is_filled_with_what_the_call_gives(partly: str, given: str) -> None:
    source = TEMPLATE.replace("PARTLY", partly).replace("GIVEN", given)
    call = only(compiled(source))
    assert [(segment.role, segment.text or segment.name) for segment in call.segments] == [
        ("system", "You sell "),
        ("system", "goods"),
        ("system", ". "),
        (None, "talk"),
        ("user", "Answer."),
    ]


def test_messages_in_the_place_of_a_placeholder_keep_their_roles() -> None:
    call = only(
        compiled(
            """
            from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
            from langchain_openai import ChatOpenAI

            prompt = ChatPromptTemplate.from_messages([MessagesPlaceholder("talk")])

            def ask(question):
                chain = prompt | ChatOpenAI(model="m")
                return chain.invoke({"talk": [("system", "Be brief."), ("human", question)]})
            """
        )
    )
    assert [segment.role for segment in call.segments] == ["system", "user"]


def test_an_object_of_a_class_made_from_a_model_is_one_in_a_pipe() -> None:
    call = only(
        compiled(
            """
            from langchain_core.prompts import ChatPromptTemplate
            from langchain_openai import ChatOpenAI

            class Quiet(ChatOpenAI):
                def log(self):
                    return None

            def praise(idea):
                llm = Quiet(model="m")
                chain = ChatPromptTemplate.from_template("Praise {idea}") | llm.bind_tools([])
                return chain.invoke({"idea": idea})
            """
        )
    )
    assert call.segments[0].text == "Praise "


@pytest.mark.parametrize(
    ("begin", "ask"),
    [
        (
            'genai.GenerativeModel("m", system_instruction="Be brief.").start_chat()',
            "chat.send_message(line)",
        ),
        (
            'Client().chats.create(model="m", config=Config(system_instruction="Be brief."))',
            "chat.send_message(line)",
        ),
    ],
)
def test_a_chat_sends_its_instruction_and_all_turns_before(begin: str, ask: str) -> None:
    call = only(
        compiled(
            f"""
            import google.generativeai as genai
            from google.genai import Client
            from google.genai.types import GenerateContentConfig as Config

            def talk(lines):
                chat = {begin}
                for line in lines:
                    print({ask}.text)
            """
        )
    )
    assert [(segment.role, segment.kind, segment.each_turn) for segment in call.segments] == [
        ("system", "static", False),
        ("user", "variable", False),
        ("assistant", "upstream", True),
        ("user", "variable", True),
    ]


def test_the_instruction_in_a_request_of_gemini_stands_first() -> None:
    call = only(
        compiled(
            """
            from google import genai

            def ask(question):
                return genai.Client().models.generate_content(
                    model="m", contents=question, config={"system_instruction": "Be brief."}
                )
            """
        )
    )
    assert [(segment.role, segment.kind) for segment in call.segments] == [
        ("system", "static"),
        ("user", "variable"),
    ]


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


def test_an_agent_goes_on_from_the_history_that_a_run_hands_back() -> None:
    file = compiled(
        """
        from pydantic_ai import Agent

        agent = Agent("openai:m", instructions="Be brief.")

        def work(question):
            said = agent.run_sync(question)
            return agent.run_sync("And then?", message_history=said.all_messages())
        """
    )
    assert edges(file) == {(7, 8, "data")}


@pytest.mark.parametrize(
    "written",
    [
        "RunnableSequence(prompt, llm, parser)",
        "RunnableSequence(first=prompt, middle=[llm], last=parser)",
        "RunnableSequence(prompt, RunnableSequence(llm, parser))",
    ],
)
def test_a_sequence_that_is_spelled_out_is_what_its_pipe_is(written: str) -> None:
    source = """
        from langchain_core.output_parsers import StrOutputParser
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_core.runnables import RunnableSequence
        from langchain_openai import ChatOpenAI

        llm, parser = ChatOpenAI(model="m"), StrOutputParser()
        prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{topic}")])
        chain = WRITTEN

        def work(topic):
            return chain.invoke({"topic": topic})
        """
    (spelled,) = compiled(source.replace("WRITTEN", written)).calls
    (piped,) = compiled(source.replace("WRITTEN", "prompt | llm | parser")).calls
    assert spelled.segments == piped.segments
    assert (spelled.line, spelled.family) == (piped.line, piped.family)


def test_what_a_graphs_context_carries_is_one_state_of_all_its_nodes() -> None:
    file = compiled(
        """
        from dataclasses import dataclass, field
        from pydantic_ai import Agent
        from pydantic_graph import BaseNode, End, GraphRunContext

        asker = Agent("openai:m", system_prompt="Ask a question.")
        judge = Agent("openai:m", system_prompt="Judge the answer.")

        @dataclass
        class State:
            question: str | None = None
            messages: list = field(default_factory=list)

        class Ask(BaseNode[State]):
            async def run(self, ctx: GraphRunContext[State]):
                said = await asker.run("Go on.", message_history=ctx.state.messages)
                ctx.state.messages += said.new_messages()
                ctx.state.question = said.output
                return Judge()

        class Judge(BaseNode[State, None, str]):
            async def run(self, ctx: GraphRunContext[State]):
                said = await judge.run(f"The question: {ctx.state.question}")
                return End(said.output) if said.output == "right" else Ask()
        """
    )
    assert edges(file) == {(16, 16, "loop"), (16, 23, "data")}
    asked = file.calls[0]
    assert asked.segments[2].role == "assistant"
    assert asked.segments[2].each_turn


def test_the_instruction_of_the_agent_that_a_model_is_attached_to_is_its_system_message() -> None:
    file = compiled(
        """
        from mcp_agent.agents.agent import Agent
        from mcp_agent.workflows.llm.augmented_llm_openai import OpenAIAugmentedLLM

        async def main():
            finder = Agent(name="finder", instruction="You find files.")
            async with finder:
                llm = await finder.attach_llm(OpenAIAugmentedLLM)
                return await llm.generate_str(message="Show the index")
        """
    )
    (call,) = file.calls
    assert (call.segments[0].text, call.segments[0].role) == ("You find files.", "system")


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


def test_a_template_is_filled_with_all_of_a_dict_that_is_no_message() -> None:
    file = compiled(
        """
        from langchain_openai import ChatOpenAI

        def run(chunks, chain, context):
            llm = ChatOpenAI()
            for chunk in chunks:
                context = llm.invoke({"context": context, "input_text": chunk})
        """
    )
    assert edges(file) == {(7, 7, "loop")}


def test_autogens_loop_over_tools_asks_the_model_with_the_messages_that_it_is_given() -> None:
    call = only(
        compiled(
            """
            from autogen_core.models import UserMessage
            from autogen_core.tool_agent import tool_agent_caller_loop

            async def answer(agent, tools, client, text):
                return await tool_agent_caller_loop(
                    agent,
                    tool_agent_id=tools,
                    model_client=client,
                    input_messages=[UserMessage(content=text, source="user")],
                    tool_schema=[],
                )
            """
        )
    )
    assert [part.name for part in call.segments] == ["text"]


def test_a_synthesizer_of_llamaindex_is_given_its_texts_beside_the_question() -> None:
    file = compiled(
        """
        from llama_index.core.response_synthesizers import TreeSummarize

        async def shorten(node, llm):
            summarizer = TreeSummarize(llm=llm)
            return await summarizer.aget_response("Shorten this page:", [node.text])
        """
    )
    assert [part.name or part.text for part in only(file).segments] == [
        "Shorten this page:",
        "text",
    ]
