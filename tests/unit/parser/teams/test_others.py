"""Claude Agent SDK, mcp-agent and LlamaIndex: agents that are asked or hand on."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines, package
from tests.unit.parser.teams.speaking import said

CLAUDE = """
from claude_agent_sdk import AgentDefinition, ClaudeAgentOptions, query

async def work(task):
    options = ClaudeAgentOptions(
        system_prompt="Be brief.",
        agents={"reviewer": AgentDefinition(description="Reviews.", prompt="You review.")},
    )
    async for message in query(prompt=task, options=options):
        print(message)
"""


def test_a_subagent_is_asked_as_a_tool() -> None:
    file = compiled(CLAUDE)
    assert edges(file) == {(9, 7, "data"), (7, 9, "loop"), (9, 9, "loop")}
    assert said(file, 7)[0] == ("system", "You review.", False)


def test_a_tool_of_a_server_of_the_programs_own_answers_the_agent_that_calls_it() -> None:
    file = compiled(
        """
        from claude_agent_sdk import ClaudeAgentOptions, create_sdk_mcp_server, query, tool
        from anthropic import Anthropic

        model = Anthropic()

        @tool("shorten", "Shortens a text.", {"text": str})
        async def shorten(given):
            said = [{"role": "user", "content": f"Shorten this text: {given['text']}"}]
            return {"content": model.messages.create(model="m", messages=said).content[0].text}

        async def work(task):
            server = create_sdk_mcp_server(name="own", version="1", tools=[shorten])
            options = ClaudeAgentOptions(system_prompt="Be brief.", mcp_servers={"own": server})
            async for message in query(prompt=task, options=options):
                print(message)
        """
    )
    assert edges(file) == {(15, 10, "data"), (10, 15, "loop"), (15, 15, "loop")}


@pytest.mark.parametrize(("given", "found"), [('"Say hello."', [6]), ("", [])])
def test_a_client_that_is_connected_with_a_prompt_asks_it(given: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient

        async def main():
            client = ClaudeSDKClient(ClaudeAgentOptions(system_prompt="Be brief."))
            await client.connect({given})
        """
    )
    assert lines(file) == found


MCP = """
from mcp_agent.agents.agent import Agent
from mcp_agent.workflows.evaluator_optimizer.evaluator_optimizer import EvaluatorOptimizerLLM
from mcp_agent.workflows.llm.augmented_llm_openai import OpenAIAugmentedLLM
from mcp_agent.workflows.orchestrator.orchestrator import Orchestrator
from mcp_agent.workflows.parallel.parallel_llm import ParallelLLM

async def work(task):
    finder = Agent(name="finder", instruction="Find.")
    writer = Agent(name="writer", instruction="Write.")
    judge = Agent(name="judge", instruction="Judge.")
    llm = LLM
    return await llm.generate_str(message=task)
"""


@pytest.mark.parametrize(
    ("llm", "found"),
    [
        (
            "Orchestrator(llm_factory=OpenAIAugmentedLLM, available_agents=[finder])",
            {(13, 9, "data"), (9, 13, "loop"), (13, 13, "loop")},
        ),
        (
            "ParallelLLM(fan_in_agent=judge, fan_out_agents=[finder, writer])",
            {(13, 11, "data"), (10, 11, "data")},
        ),
        (
            "EvaluatorOptimizerLLM(optimizer=writer, evaluator=judge)",
            {(13, 13, "loop"), (13, 11, "data"), (11, 13, "loop"), (11, 11, "loop")},
        ),
    ],
)
def test_workflows_of_mcp_agent_are_their_agents(
    llm: str, found: set[tuple[int, int, str]]
) -> None:
    assert edges(compiled(MCP.replace("llm = LLM", f"llm = {llm}"))) == found


def test_agents_of_a_llamaindex_workflow_hand_on_to_those_that_they_name() -> None:
    file = compiled(
        """
        from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent

        async def work(llm, asked):
            write = FunctionAgent(name="write", system_prompt="Write.", can_handoff_to=["look"])
            look = FunctionAgent(name="look", system_prompt="Look.", can_handoff_to=[])
            flow = AgentWorkflow(agents=[look, write], root_agent="write")
            return await flow.run(user_msg=asked)
        """
    )
    assert edges(file) == {(8, 6, "data")}
    assert said(file, 8)[0] == ("system", "Write.", False)


POET = """
from llama_index.agent.openai import OpenAIAgent
from llama_index.core.agent import ReActAgent
from llama_index.core.objects import ObjectIndex
from llama_index.core.tools import FunctionTool, QueryEngineTool

critic = ReActAgent.from_tools([], llm=llm, context="You criticise verses.")

def review(verse):
    return str(critic.chat(verse))

tools = TOOLS
poet = OpenAIAgent.from_tools(GIVEN, llm=llm, system_prompt="You write verses.")
verse = poet.chat("On rain.")
"""


@pytest.mark.parametrize(
    "given",
    ["tools", "tools=tools", "tool_retriever=ObjectIndex.from_objects(tools).as_retriever()"],
)
@pytest.mark.parametrize(
    "tool",
    ["QueryEngineTool(query_engine=critic)", "QueryEngineTool.from_defaults(critic, name='c')"],
)
def test_an_agent_of_llamaindex_asks_the_agents_among_its_tools(given: str, tool: str) -> None:
    file = compiled(POET.replace("TOOLS", f"[{tool}]").replace("GIVEN", given))
    assert {(14, 7, "data"), (7, 14, "loop")} <= edges(file)
    assert said(file, 7)[0] == ("system", "You criticise verses.", False)


@pytest.mark.parametrize(
    "tool", ["FunctionTool.from_defaults(fn=review)", "FunctionTool.from_defaults(review)"]
)
def test_a_function_that_is_a_tool_of_llamaindex_asks_the_agent_that_it_runs(tool: str) -> None:
    file = compiled(POET.replace("TOOLS", f"[{tool}]").replace("GIVEN", "tools"))
    assert {(14, 10, "data"), (10, 14, "loop")} <= edges(file)
    assert said(file, 10)[0] == ("system", "You criticise verses.", False)


def test_an_agent_of_beeai_asks_whom_its_hand_off_tools_lead_to() -> None:
    file = compiled(
        """
        from beeai_framework.agents.requirement import RequirementAgent
        from beeai_framework.backend import ChatModel
        from beeai_framework.tools.handoff import HandoffTool

        llm = ChatModel.from_name("ollama:m")
        doctor = RequirementAgent(llm=llm, instructions="You are a doctor.")
        host = RequirementAgent(llm=llm, tools=[HandoffTool(doctor)], instructions="Route.")

        async def work():
            return await host.run("My head aches.")
        """
    )
    assert {(11, 7, "data"), (7, 11, "loop")} <= edges(file)
    assert said(file, 7)[0] == ("system", "You are a doctor.", False)


def test_a_thread_of_semantic_kernel_carries_on_what_an_agent_said() -> None:
    file = compiled(
        """
        from semantic_kernel.agents import ChatCompletionAgent, ChatHistoryAgentThread

        async def work():
            agent = ChatCompletionAgent(name="host", instructions="Tell of the menu.")
            thread = ChatHistoryAgentThread()
            await agent.get_response(messages="What is there?", thread=thread)
            return await agent.get_response(messages="What does it cost?", thread=thread)
        """
    )
    assert edges(file) == {(7, 8, "data")}


def test_a_chat_service_of_semantic_kernel_is_asked_by_its_method() -> None:
    file = compiled(
        """
        from semantic_kernel.contents import ChatHistory

        async def work(kernel, question):
            service, settings = kernel.select_ai_service()
            history = ChatHistory(system_message="You help gardeners.")
            history.add_user_message(question)
            return await service.get_chat_message_content(chat_history=history, settings=settings)
        """
    )
    assert [call.line for call in file.calls] == [8]


SUPERVISED = """
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent
from langgraph_supervisor import create_supervisor

llm = ChatOpenAI(model="m")
sums = create_react_agent(llm, tools=[], name="sums", prompt="You do sums.")
news = create_react_agent(llm, tools=[], name="news", prompt="You know the news.")
inner = create_supervisor([sums], model=llm, prompt="Have sums done.").compile()
app = create_supervisor([inner, news], model=llm, prompt="Ask whom it concerns.").compile()
"""


def test_a_supervisor_that_no_call_runs_is_run_by_a_server() -> None:
    asked = {(10, 9, "data"), (9, 10, "loop"), (10, 8, "data"), (8, 10, "loop")}
    file = compiled(SUPERVISED)
    assert [call.line for call in file.calls] == [7, 8, 9, 10]
    assert asked | {(9, 7, "data"), (7, 9, "loop")} <= edges(file)


def test_a_supervisor_that_a_call_runs_is_run_there_alone() -> None:
    file = compiled(SUPERVISED + "app.invoke({'messages': [('user', 'What is new?')]})\n")
    assert [call.line for call in file.calls] == [7, 8, 9, 11]


@pytest.mark.parametrize(
    "way", ['return Bills(), "I hand you on."', "self.session.update_agent(Bills())"]
)
def test_tools_of_livekit_hand_on_to_agents_that_they_return_or_let_go_on(way: str) -> None:
    source = """
        from livekit.agents import Agent, AgentSession, function_tool

        class Bills(Agent):
            def __init__(self):
                super().__init__(instructions="You answer questions about bills.")

        class Host(Agent):
            def __init__(self):
                super().__init__(instructions="You find out what is wanted.")

            @function_tool()
            async def pay(self, context):
                WAY

            @function_tool()
            async def weather(self, place: str):
                return "sunny"

        async def work(room):
            session = AgentSession(llm="m")
            await session.start(agent=Host(), room=room)
        """
    file = compiled(source.replace("WAY", way))
    assert edges(file) == {(22, 14, "data")}
    assert said(file, 22) == [("system", "You find out what is wanted.", False)]
    assert said(file, 14)[0] == ("system", "You answer questions about bills.", False)


def test_agents_of_a_beeai_workflow_hear_what_was_asked_and_answered_before() -> None:
    file = compiled(
        """
        from beeai_framework.workflows.agent import AgentWorkflow, AgentWorkflowInput

        async def work(llm, topic):
            flow = AgentWorkflow(name="desk")
            flow.add_agent(name="Finder", role="You find.", llm=llm)
            flow.add_agent(name="Writer", instructions="You write.", llm=llm)
            return await flow.run(inputs=[AgentWorkflowInput(prompt=topic)])
        """
    )
    assert edges(file) == {(8, 7, "data")}
    assert said(file, 8)[0] == ("system", "You find.", False)
    assert said(file, 7)[0] == ("system", "You write.", False)


def test_workers_of_a_camel_workforce_are_asked_by_it() -> None:
    file = compiled(
        """
        from camel.agents import ChatAgent
        from camel.societies.workforce import Workforce
        from camel.tasks import Task

        class Finder(ChatAgent):
            def __init__(self):
                super().__init__(system_message="You find jobs.")

        def main(wish):
            force = Workforce("A desk.")
            writer = ChatAgent(system_message="You write.")
            force.add_single_agent_worker("finds", worker=Finder())
            force.add_single_agent_worker("writes", worker=writer)
            return force.process_task(Task(content=wish, id="0"))
        """
    )
    assert {(15, 13, "data"), (15, 12, "data"), (13, 15, "loop"), (12, 15, "loop")} <= edges(file)
    assert said(file, 13)[0] == ("system", "You find jobs.", False)


KERNEL = """
from semantic_kernel import Kernel
from semantic_kernel.functions import KernelArguments

kernel = Kernel()
shorten = kernel.add_function("text", "shorten", prompt="Shorten this: {{$input}}")
kernel.add_function(plugin_name="text", function_name="shout", prompt="Shout: {{ $words }}")
count = kernel.add_function("native", count_words)

async def main(text):
    short = await kernel.invoke(shorten, KernelArguments(input=text))
    return await kernel.invoke(RUN)
"""


def test_a_kernel_is_asked_by_a_prompt_that_it_is_given_as_a_function() -> None:
    run = 'plugin_name="text", function_name="shout", words=short'
    file = compiled(KERNEL.replace("RUN", run))
    assert said(file, 11) == [("user", "Shorten this: ", False), ("user", "text", False)]
    assert said(file, 12) == [("user", "Shout: ", False), ("user", "short", False)]
    assert edges(file) == {(11, 12, "data")}


def test_a_function_of_python_is_invoked_by_a_kernel_without_a_model() -> None:
    assert lines(compiled(KERNEL.replace("RUN", "count, KernelArguments(input=short)"))) == [11]


def test_a_history_that_is_made_empty_holds_what_is_added_by_its_methods() -> None:
    file = compiled(
        """
        from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
        from semantic_kernel.contents import ChatHistory

        service = OpenAIChatCompletion()

        async def ask(text):
            history = ChatHistory()
            history.add_system_message("You help.")
            history.add_user_message(text)
            first = await service.get_chat_message_content(chat_history=history)
            history.add_assistant_message(str(first))
            return await service.get_chat_message_content(chat_history=history)
        """
    )
    heard = [("system", "You help.", False), ("user", "text", False)]
    assert said(file, 11) == heard
    assert said(file, 13) == [*heard, ("assistant", "first", False)]


def test_a_team_is_run_by_a_module_that_comes_before_the_one_that_makes_it() -> None:
    found = package(
        main="""
        from team import made

        desk = made()
        desk.process_task("Go.")
        """,
        team="""
        from camel.agents import ChatAgent
        from camel.societies.workforce import Workforce

        def made():
            force = Workforce("A desk.")
            force.add_single_agent_worker("writes", worker=ChatAgent("You write."))
            return force
        """,
    )
    assert {name: lines(file) for name, file in found.items()} == {"main.py": [5], "team.py": [7]}


def test_what_a_server_of_beeai_is_given_is_called() -> None:
    file = compiled(
        """
        from beeai_framework.adapters.a2a import A2AServer
        from beeai_framework.agents.requirement import RequirementAgent

        def main(llm):
            agent = RequirementAgent(llm=llm, instructions="You answer.")
            A2AServer().register(agent).serve()
        """
    )
    assert said(file, 6) == [("system", "You answer.", False)]


def test_functions_of_a_swarm_return_whom_an_agent_hands_on_to() -> None:
    file = compiled(
        """
        from swarm import Agent, Swarm

        def to_sales():
            return sales

        def to_desk():
            return desk

        desk = Agent(name="desk", instructions="Sort.", functions=[to_sales])
        sales = Agent(name="sales", instructions="Sell.", functions=[to_desk])
        Swarm().run(agent=desk, messages=[{"role": "user", "content": "Hi"}])
        """
    )
    assert edges(file) == {
        (12, 11, "data"),
        (11, 12, "loop"),
        (11, 11, "loop"),
        (12, 12, "loop"),
    }


def test_agents_of_a_swarm_of_mcp_agent_hand_on_by_their_functions() -> None:
    file = compiled(
        """
        from mcp_agent.workflows.swarm.swarm import SwarmAgent
        from mcp_agent.workflows.swarm.swarm_openai import OpenAISwarm

        def to_sales():
            return sales

        sales = SwarmAgent(name="sales", instruction="Sell.")
        desk = SwarmAgent(name="desk", instruction="Sort.", functions=[to_sales])

        async def main():
            return await OpenAISwarm(agent=desk).generate_str("Hi")
        """
    )
    assert edges(file) == {(12, 8, "data")}


def test_all_that_a_framework_exports_may_be_imported_at_once() -> None:
    file = compiled(
        """
        from smolagents import *

        agent = CodeAgent(tools=[], model=InferenceClientModel())
        agent.run("Go.")
        """
    )
    assert lines(file) == [5]


def test_a_model_that_a_factory_of_mcp_agent_makes_has_its_instruction() -> None:
    file = compiled(
        """
        from mcp_agent.workflows.factory import create_llm

        async def main():
            model = create_llm(agent_name="desk", instruction="Be kind.")
            return await model.generate_str("Hi")
        """
    )
    assert [text for _, text, _ in said(file, 6)] == ["Be kind.", "Hi"]


def test_teams_and_models_of_mcp_agent_may_be_made_by_its_factory() -> None:
    file = compiled(
        """
        from mcp_agent.workflows.factory import AgentSpec, create_llm, create_parallel_llm

        one = AgentSpec(name="one", instruction="One.")
        two = AgentSpec(name="two", instruction="Two.")
        join = create_llm(agent_name="join", instruction="Join.")

        async def main():
            team = create_parallel_llm(fan_in=join, fan_out=[one, two])
            return await team.generate_str("Go.")
        """
    )
    assert edges(file) == {(10, 6, "data"), (5, 6, "data")}
    assert [call.line for call in file.calls if call.fanout == "fork"] == [5, 10]


def test_a_planner_that_is_given_asks_in_the_place_of_the_orchestrator() -> None:
    file = compiled(
        """
        from mcp_agent.workflows.factory import AgentSpec, create_orchestrator

        plan = AgentSpec(name="plan", instruction="Plan.")
        work = AgentSpec(name="work", instruction="Work.")

        async def main():
            team = create_orchestrator(available_agents=[work], planner=plan)
            return await team.generate_str("Go.")
        """
    )
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {(9, 5, "data"), (5, 9, "loop")}
    assert said(file, 9)[0] == ("system", "Plan.", False)
