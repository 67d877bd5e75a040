"""Semantic Kernel: hand-offs, managers, who watches a group, plugins that hold agents."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges
from tests.unit.parser.teams.speaking import said

AGENTS = """
from semantic_kernel.agents import AgentGroupChat, AzureAIAgent, ChatCompletionAgent
from semantic_kernel.agents import HandoffOrchestration, MagenticOrchestration
from semantic_kernel.agents import OrchestrationHandoffs
from semantic_kernel.agents.strategies import KernelFunctionSelectionStrategy
from semantic_kernel.functions import KernelFunctionFromPrompt, kernel_function

class Search:
    def __init__(self):
        self.agent = ChatCompletionAgent(name="inner", instructions="You search.")

    @kernel_function(description="Searches.")
    async def search(self, topic: str) -> str:
        return str(await self.agent.get_response(messages=topic))

triage = ChatCompletionAgent(name="triage", instructions="You triage.")
refund = ChatCompletionAgent(name="refund", instructions="You refund.")
order = ChatCompletionAgent(name="order", instructions="You order.", plugins=[PLUGINS])
choose = KernelFunctionFromPrompt(function_name="choose", prompt="Choose after {{$history}}.")

async def main(task, credentials):
    RUN
"""


def agents(run: str, plugins: str = "") -> CompiledFile:
    return compiled(AGENTS.replace("RUN", run).replace("PLUGINS", plugins))


@pytest.mark.parametrize(
    "told",
    [
        "OrchestrationHandoffs()"
        ".add_many(source_agent=triage.name, target_agents={refund.name: 'x'})"
        ".add(source_agent=refund.name, target_agent=order.name, description='y')",
        "OrchestrationHandoffs().add(triage, refund).add_many(refund, [order])",
    ],
)
def test_agents_hand_on_to_those_that_an_orchestration_is_told(told: str) -> None:
    members = "[triage, refund, order]"
    file = agents(
        f"handoffs = {told}\n"
        f"    run = HandoffOrchestration(members={members}, handoffs=handoffs)\n"
        "    return await run.invoke(task=task, runtime=None)"
    )
    assert edges(file) == {(24, 17, "data"), (24, 18, "data"), (17, 18, "data")}


def test_a_magentic_manager_hears_those_that_it_chooses() -> None:
    run = "MagenticOrchestration(members=[refund, order], manager=None)"
    file = agents(f"return await {run}.invoke(task=task, runtime=None)")
    assert {(22, 17, "data"), (22, 18, "data"), (17, 22, "loop"), (18, 22, "loop")} <= edges(file)


def test_a_function_that_chooses_who_speaks_hears_all_and_is_heard_by_nobody() -> None:
    file = agents(
        "chosen = KernelFunctionSelectionStrategy(function=choose, kernel=None)\n"
        "    chat = AgentGroupChat(agents=[triage, refund], selection_strategy=chosen)\n"
        "    async for said in chat.invoke():\n        print(said)"
    )
    assert {(24, 19, "data"), (17, 19, "data"), (24, 17, "data"), (17, 24, "loop")} <= edges(file)
    assert [edge for edge in edges(file) if edge[0] == 19] == []


def test_an_agent_asks_the_agents_that_its_plugins_run() -> None:
    file = agents("return await order.get_response(messages=task)", plugins="Search()")
    assert edges(file) == {(22, 14, "data"), (14, 22, "loop"), (22, 22, "loop")}


def test_an_agent_of_a_service_says_what_it_is_defined_with_there() -> None:
    file = agents(
        "async with AzureAIAgent.create_client(credential=credentials) as client:\n"
        "        made = await client.agents.create_agent(model='m', instructions='You answer.')\n"
        "        agent = AzureAIAgent(client=client, definition=made)\n"
        "        return await agent.get_response(messages=task)"
    )
    assert said(file, 25) == [("system", "You answer.", False), (None, "task", False)]


def test_without_a_thread_nothing_is_carried_on() -> None:
    file = agents(
        "thread = None\n"
        "    await triage.get_response(messages=task, thread=thread)\n"
        "    await refund.get_response(messages=task, thread=thread)"
    )
    assert edges(file) == set()
