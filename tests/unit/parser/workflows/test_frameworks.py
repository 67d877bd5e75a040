"""What frameworks do with models, prompts and messages."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, only


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
