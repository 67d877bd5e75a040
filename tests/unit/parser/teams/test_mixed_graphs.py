"""Workflows of the Agent Framework of agents and of executors that ask by themselves."""

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges
from tests.unit.parser.teams.speaking import said, turning

MIXED = """
from agent_framework import Agent, AgentExecutorRequest, AgentExecutorResponse, Executor, Message
from agent_framework import WorkflowBuilder, WorkflowContext, executor, handler
from agent_framework.openai import OpenAIChatClient

client = OpenAIChatClient()
plan = Agent(client=client, name="plan", instructions="You plan.")
close = Agent(client=client, name="close", instructions="You close.")

class Review(Executor):
    @handler
    async def review(
        self, response: AgentExecutorResponse, ctx: WorkflowContext[AgentExecutorRequest]
    ):
        verdict = await client.get_response([Message("user", [f"Review {response.text}"])])
        await ctx.send_message(AgentExecutorRequest(messages=[Message("user", [verdict.text])]))

class Join(Executor):
    @handler
    async def join(self, results: list[AgentExecutorResponse], ctx: WorkflowContext[None, str]):
        both = " ".join(result.text for result in results)
        await ctx.yield_output(await client.get_response([Message("user", [f"Join {both}"])]))

@executor(id="tidy")
async def tidy(wish: str, ctx: WorkflowContext[AgentExecutorRequest]):
    clean = await client.get_response([Message("user", [f"Tidy {wish}"])])
    await ctx.send_message(AgentExecutorRequest(messages=[Message("user", [clean.text])]))

async def main(task):
    review, join = Review(id="review"), Join(id="join")
    flow = WorkflowBuilder(start_executor=START)DRAWN.build()
    return await flow.run(task)
"""


def workflow(start: str, drawn: str) -> CompiledFile:
    return compiled(MIXED.replace("START", start).replace("DRAWN", drawn))


def test_an_executor_is_told_what_the_agent_before_it_answered() -> None:
    file = workflow("plan", ".add_edge(plan, review)")
    assert edges(file) == {(32, 15, "data")}


def test_an_agent_hears_what_an_executor_sends_and_nothing_from_before_it() -> None:
    file = workflow("plan", ".add_edge(plan, review).add_edge(review, close)")
    assert edges(file) == {(32, 15, "data"), (15, 8, "data")}
    assert said(file, 8) == [("system", "You close.", False), ("user", "verdict", False)]


def test_an_executor_joins_what_agents_side_by_side_answered() -> None:
    drawn = ".add_fan_out_edges(plan, [close]).add_fan_in_edges([plan, close], join)"
    assert {(32, 22, "data"), (8, 22, "data")} <= edges(workflow("plan", drawn))


def test_a_workflow_that_begins_with_an_executor_that_asks_is_run_by_no_call() -> None:
    file = workflow("tidy", ".add_edge(tidy, plan).add_edge(plan, close)")
    assert edges(file) == {(26, 7, "data"), (7, 8, "data")}


def test_an_agent_and_an_executor_that_lead_back_go_round() -> None:
    file = workflow("plan", ".add_edge(plan, review).add_edge(review, plan)")
    assert edges(file) == {(32, 15, "data"), (15, 32, "loop")}
    assert turning(file) == [15, 32]


def test_executors_around_agents_are_told_apart_by_what_they_are_made_of() -> None:
    run = """review, join = Review(id="review"), Join(id="join")
    ends = [plan, close]
    flow = WorkflowBuilder(start_executor=Send(id="send"))
    flow.add_fan_out_edges(Send(id="send"), ends).add_fan_in_edges(ends, Show(id="show"))
    return await flow.build().run(task)

class Send(Executor):
    @handler
    async def send(self, text: str, ctx: WorkflowContext[AgentExecutorRequest]):
        await ctx.send_message(AgentExecutorRequest(messages=[Message("user", [text])]))

class Show(Executor):
    @handler
    async def show(self, results: list[AgentExecutorResponse], ctx: WorkflowContext[None, str]):
        await ctx.yield_output(str(results))
"""
    file = compiled(MIXED.partition("    review, join = ")[0] + "    " + run)
    assert edges(file) == set()
    assert [call.fanout for call in file.calls if call.line not in (15, 22, 26)] == ["fork"] * 2


REFLECTED = """
from agent_framework import Executor, WorkflowBuilder, WorkflowContext, handler
from agent_framework.openai import OpenAIChatClient

client = OpenAIChatClient()

class Judge(Executor):
    @handler
    async def judge(self, draft: Draft, ctx: WorkflowContext[Verdict]):
        verdict = await client.get_response([f"Judge {draft.text}"])
        await ctx.send_message(Verdict(text=verdict.text))

class Write(Executor):
    @handler
    async def begin(self, wish: str, ctx: WorkflowContext[Draft]):
        draft = await client.get_response([f"Write {wish}"])
        await ctx.send_message(Draft(text=draft.text))

    @handler
    async def again(self, verdict: Verdict, ctx: WorkflowContext["Draft"]):
        draft = await client.get_response([f"Mend it after {verdict.text}"])
        await ctx.send_message(Draft(text=draft.text))

judge, write = Judge(id="judge"), Write(id="write")
flow = WorkflowBuilder(start_executor=write).add_edge(write, judge).add_edge(judge, write).build()
"""


def test_handlers_hear_each_other_in_the_order_in_which_they_call_for_each_other() -> None:
    file = compiled(REFLECTED)
    assert edges(file) == {(16, 10, "data"), (10, 21, "data"), (21, 10, "loop")}
    assert turning(file) == [10, 21]
