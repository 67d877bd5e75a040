"""Microsoft Agent Framework: agents that a client makes, workflows, and what puts them together."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning

AGENTS = """
from agent_framework import ConcurrentBuilder, Executor, GroupChatBuilder, SequentialBuilder
from agent_framework import Case, ChatAgent, Default, HandoffBuilder, WorkflowBuilder, handler
from agent_framework.azure import AzureOpenAIResponsesClient
from agent_framework.devui import serve

client = AzureOpenAIResponsesClient()
plan = client.create_agent(name="plan", instructions="You plan.")
left = client.create_agent(name="left", instructions="You look left.")
right = ChatAgent(chat_client=client, name="right", instructions="You look right.")
close = client.create_agent(name="close", instructions="You close.", tools=TOOLS)

class Publish(Executor):
    @handler
    async def publish(self, text, ctx):
        await ctx.send_message(text)

async def main(task):
    RUN
"""


def agents(run: str, tools: str = "[]") -> CompiledFile:
    return compiled(AGENTS.replace("RUN", run).replace("TOOLS", tools))


def workflow(drawn: str) -> CompiledFile:
    return agents(f"return await WorkflowBuilder(){drawn}.build().run(task)")


def test_an_agent_that_a_client_makes_has_its_instructions() -> None:
    file = agents("return await plan.run(task)")
    assert said(file, 19) == [("system", "You plan.", False), (None, "task", False)]


def test_an_agent_that_is_a_tool_of_another_is_asked_by_it() -> None:
    file = agents("return await close.run(task)", tools="[plan.as_tool()]")
    assert {(19, 8, "data"), (8, 19, "loop")} <= edges(file)


def test_a_thread_carries_on_what_was_said_in_it() -> None:
    run = "thread = plan.get_new_thread()\n    while task:\n        "
    file = agents(f"{run}task = await plan.run(task, thread=thread)")
    assert (21, 21, "loop") in edges(file)


def test_agents_of_a_workflow_go_on_along_its_edges() -> None:
    file = workflow(".set_start_executor(plan).add_edge(plan, left).add_edge(left, close)")
    assert edges(file) == {(19, 9, "data"), (19, 11, "data"), (9, 11, "data")}


def test_answers_go_through_an_executor_that_asks_no_model() -> None:
    file = workflow(".set_start_executor(plan).add_chain([plan, Publish(id='p'), close])")
    assert edges(file) == {(19, 11, "data")}


def test_agents_that_a_workflow_spreads_to_run_side_by_side() -> None:
    spread = ".add_fan_out_edges(plan, [left, right]).add_fan_in_edges([left, right], close)"
    file = workflow(f".set_start_executor(plan){spread}")
    assert {(9, 11, "data"), (10, 11, "data")} <= edges(file)
    assert (9, 10, "data") not in edges(file)
    assert {call.line for call in file.calls if call.fanout == "fork"} == {9, 10}


def test_of_the_cases_of_a_workflow_one_goes_on() -> None:
    cases = "[Case(condition=check, target=left), Default(target=right)]"
    file = workflow(f".set_start_executor(plan).add_switch_case_edge_group(plan, {cases})")
    assert edges(file) == {(19, 9, "data"), (19, 10, "data")}
    assert [call.fanout for call in file.calls] == [None, None, None]


def test_a_workflow_begins_with_the_node_that_it_names() -> None:
    file = workflow(
        ".add_edge(left, plan).add_edge(plan, left, condition=c).set_start_executor(plan)"
    )
    assert lines(file) == [9, 19]
    assert said(file, 19)[0] == ("system", "You plan.", False)


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ("SequentialBuilder(participants=[plan, close]).build().run(task)", {(19, 11, "data")}),
        ("SequentialBuilder().participants([plan, close]).build().run(task)", {(19, 11, "data")}),
        ("ConcurrentBuilder().participants([left, right]).build().run(task)", set()),
    ],
)
def test_builders_take_their_participants_by_an_argument_or_a_method(
    run: str, found: set[tuple[int, int, str]]
) -> None:
    file = agents(f"return await {run}")
    assert (len(file.calls), edges(file)) == (2, found)


def test_whom_an_agent_chooses_in_a_group_chat_hears_the_others_and_not_the_choice() -> None:
    chat = "GroupChatBuilder(participants=[left, right], ORCHESTRATED).build().run(task)"
    chosen = agents(f"return await {chat.replace('ORCHESTRATED', 'orchestrator_agent=plan')}")
    assert {(9, 19, "loop"), (9, 10, "data"), (10, 9, "loop")} <= edges(chosen)
    assert not {edge for edge in edges(chosen) if edge[0] == 19}
    assert said(chosen, 19)[0] == ("system", "You plan.", False)
    turns = agents(f"return await {chat.replace('ORCHESTRATED', 'selection_func=pick')}")
    assert {(19, 10, "data"), (10, 19, "loop")} <= edges(turns)
    assert lines(turns) == [10, 19]


def test_what_a_server_of_workflows_is_made_with_is_called() -> None:
    served = "serve(entities=[WorkflowBuilder().add_edge(plan, left).build()])"
    file = compiled(
        AGENTS.replace("TOOLS", "[]").replace("    RUN", f"    return task\n\n{served}")
    )
    assert edges(file) == {(8, 9, "data")}


def test_agents_hand_on_to_all_others_or_to_those_that_a_builder_is_told() -> None:
    build = "HandoffBuilder(participants=[plan, left, right]).with_start_agent(left)"
    free = agents(f"return await {build}.build().run(task)")
    assert {(19, 8, "data"), (19, 10, "data"), (8, 10, "data"), (10, 19, "loop")} <= edges(free)
    told = agents(f"return await {build}.add_handoff(left, [right]).build().run(task)")
    assert edges(told) == {(19, 10, "data")}


def test_a_workflow_of_executors_alone_asks_no_model_by_itself() -> None:
    file = agents("agent = WorkflowBuilder().add_edge(Publish(id='p'), Publish(id='q')).build()")
    run = agents(
        "agent = WorkflowBuilder().add_edge(Publish(id='p'), Publish(id='q')).build().as_agent()\n"
        "    return await agent.run(task)"
    )
    assert (lines(file), lines(run)) == ([], [])


EXECUTORS = """
from agent_framework import ChatAgent, Executor, WorkflowBuilder, WorkflowContext, executor, handler

class Write(Executor):
    def __init__(self, client):
        self.agent = ChatAgent(chat_client=client, instructions="You write.")
        super().__init__(id="write")

    @handler
    async def write(self, wish: str, ctx: WorkflowContext[Draft]):
        draft = await self.agent.run(wish)
        await ctx.send_message(draft.text)

@executor(id="judge")
async def judge(draft: Draft, ctx: WorkflowContext[str]):
    verdict = await judging.run(f"Judge {draft}")
    await ctx.send_message(verdict.text)

judging = ChatAgent(chat_client=None, instructions="You judge.")
writer = Write(None)
flow = WorkflowBuilder().set_start_executor(writer).add_edge(writer, judge)EDGES.build()
"""


def test_a_message_that_an_executor_sends_reaches_the_one_that_an_edge_leads_to() -> None:
    file = compiled(EXECUTORS.replace("EDGES", ""))
    assert edges(file) == {(11, 16, "data")}
    assert turning(file) == []


def test_executors_that_lead_back_go_round() -> None:
    file = compiled(EXECUTORS.replace("EDGES", ".add_edge(judge, writer)"))
    assert {(11, 16, "data"), (16, 11, "loop")} == edges(file)
    assert turning(file) == [11, 16]


def test_a_message_reaches_no_executor_without_an_edge() -> None:
    apart = EXECUTORS.replace(".add_edge(writer, judge)", ".add_edge(writer, other)")
    assert edges(compiled(apart.replace("EDGES", ""))) == set()


FACTORY = """
from agent_framework import ChatAgent, WorkflowBuilder, WorkflowContext, executor

def hire(client):
    return {
        "scout": ChatAgent(chat_client=client, instructions="You scout."),
        "cook": ChatAgent(chat_client=client, instructions="You cook."),
    }

def steps(crew):
    @executor(id="scout")
    async def look(wish: str, ctx: WorkflowContext[str]):
        found = await crew["scout"].run(wish)
        await ctx.send_message(str(found))

    @executor(id="cook")
    async def fry(found: str, ctx: WorkflowContext[str]):
        dish = await crew["cook"].run(f"Fry {found}")
        await ctx.send_message(str(dish))

    @executor(id="bake")
    async def bake(found: str, ctx: WorkflowContext[str]):
        dish = await crew["cook"].run(f"Bake {found}")
        await ctx.send_message(str(dish))

    @executor(id="serve")
    async def serve(dishes: list[str], ctx: WorkflowContext[str]):
        menu = await crew["cook"].run(f"Serve {dishes[0]}")
        await ctx.yield_output(str(menu))

    return {"look": look, "pan": fry, "oven": bake, "serve": serve}

async def main(client, wish):
    own = steps(hire(client))
    flow = WorkflowBuilder().set_start_executor(own["look"])DRAWN.build()
    return await flow.run(wish)
"""


def test_executors_that_are_handed_their_agents_ask_them() -> None:
    file = compiled(FACTORY.replace("DRAWN", ""))
    assert lines(file) == [13, 18, 23, 28]
    assert said(file, 13) == [("system", "You scout.", False), (None, "wish", False)]


def test_an_executor_asks_an_agent_of_those_that_are_not_at_hand() -> None:
    handed = FACTORY.partition("async def main")[0]
    assert lines(compiled(handed)) == [13, 18, 23, 28]


def test_edges_link_executors_by_the_keys_that_they_are_returned_under() -> None:
    file = compiled(FACTORY.replace("DRAWN", ".add_edge(own['look'], own['oven'])"))
    assert edges(file) == {(13, 23, "data")}


def test_executors_that_a_workflow_spreads_to_run_side_by_side_and_are_joined_in_a_list() -> None:
    ends = "[own['pan'], own['oven']]"
    drawn = f".add_fan_out_edges(own['look'], {ends}).add_fan_in_edges({ends}, own['serve'])"
    file = compiled(FACTORY.replace("DRAWN", drawn))
    assert edges(file) == {
        (13, 18, "data"),
        (13, 23, "data"),
        (18, 28, "data"),
        (23, 28, "data"),
    }
    assert {call.line for call in file.calls if call.fanout == "fork"} == {18, 23}


@pytest.mark.parametrize(
    "run",
    [
        "WorkflowBuilder().set_start_executor(hired).add_edge(hired, others).build().run(wish)",
        "SequentialBuilder().participants(hired).build().run(wish)",
    ],
)
def test_members_that_are_not_at_hand_are_warned_of(run: str) -> None:
    file = compiled(
        f"""
        from agent_framework import SequentialBuilder, WorkflowBuilder

        async def main(hired, others, wish):
            return await {run}
        """
    )
    assert lines(file) == [5]
    assert [error.line for error in file.errors if "`hired`" in error.message] == [5]


MADE_LATER = """
from agent_framework import ChatAgent, ConcurrentBuilder, SequentialBuilder, WorkflowBuilder
from agent_framework import Executor, WorkflowExecutor, handler

def make_writer():
    return ChatAgent(chat_client=None, name="writer", instructions="You write.")

def make_editor():
    return ChatAgent(chat_client=None, name="editor", instructions="You edit.")

async def main(task):
    RUN
"""


@pytest.mark.parametrize(
    "built",
    [
        "SequentialBuilder().register_participants([make_writer, lambda: make_editor()])",
        "SequentialBuilder(participant_factories=[make_writer, make_editor])",
        "WorkflowBuilder().register_agent(make_writer, name='w').register_agent(make_editor, 'e')"
        ".set_start_executor('w').add_edge('w', 'e')",
    ],
)
def test_functions_that_a_builder_is_given_make_its_agents(built: str) -> None:
    file = compiled(MADE_LATER.replace("RUN", f"return await {built}.build().run(task)"))
    assert edges(file) == {(12, 9, "data")}
    assert said(file, 12)[0] == ("system", "You write.", False)


def test_a_workflow_within_another_is_its_agents() -> None:
    run = """inner = ConcurrentBuilder().participants([make_writer(), make_editor()]).build()
    last = ChatAgent(chat_client=None, instructions="You close.")
    parts = [WorkflowExecutor(inner, id="inner"), last]
    return await SequentialBuilder().participants(parts).build().run(task)"""
    file = compiled(MADE_LATER.replace("RUN", run))
    assert edges(file) == {(15, 13, "data"), (9, 13, "data")}
    assert {call.line for call in file.calls if call.fanout == "fork"} == {15, 9}


def test_agents_hand_on_by_their_names() -> None:
    run = """built = HandoffBuilder(participants=[plan, left, right]).set_coordinator("plan")
    flow = built.add_handoff("plan", ["left"]).add_handoff("left", ["right"]).build()
    return await flow.run(task)"""
    file = agents(run)
    assert edges(file) == {(21, 9, "data"), (21, 10, "data"), (9, 10, "data")}


def test_who_leads_a_group_is_named_by_a_method() -> None:
    group = "GroupChatBuilder().participants([left, right]).set_manager(manager=plan)"
    file = agents(f"return await {group}.build().run(task)")
    assert said(file, 19)[0] == ("system", "You plan.", False)
    assert (19, 9, "data") not in edges(file)


REGISTERED = """
from agent_framework import ChatAgent, Executor, WorkflowBuilder, WorkflowContext, handler

class Work(Executor):
    def __init__(self, client):
        self.agent = ChatAgent(chat_client=client, instructions="You work.")

    @handler
    async def work(self, verdict: str, ctx: WorkflowContext[Draft]):
        draft = await self.agent.run(verdict)
        await ctx.send_message(Draft(text=draft.text))

class Judge(Executor):
    def __init__(self, agent):
        self.agent = agent

    @handler
    async def judge(self, draft: Draft, ctx: WorkflowContext[str]):
        found = await self.agent.run(f"Judge {draft.text}")
        await ctx.send_message(found.text)

async def main(client, wish):
    agent = (
        WorkflowBuilder()
        .register_executor(lambda: Work(client), name="work")
        .register_executor(lambda: Judge(ChatAgent(client, instructions="You judge.")), "judge")
        .set_start_executor("work")
        .add_edge("work", "judge")
        .build()
    )
    return await agent.run(wish)
"""


def test_executors_are_linked_by_the_names_that_a_builder_is_given_them_under() -> None:
    assert edges(compiled(REGISTERED)) == {(10, 19, "data")}


def test_a_method_asks_the_agent_that_its_object_is_made_with_later_in_the_file() -> None:
    assert said(compiled(REGISTERED), 19)[:2] == [
        ("system", "You judge.", False),
        (None, "Judge ", False),
    ]


@pytest.mark.parametrize(
    "message",
    [
        "ChatMessage(Role.USER, text=wish)",
        "Message('user', [wish])",
        "Message(role='user', contents=[wish])",
        "ChatMessage(role=Role.USER, text=wish)",
    ],
)
def test_a_message_has_its_role_by_place_or_by_name(message: str) -> None:
    file = compiled(
        f"""
        from agent_framework import ChatAgent, ChatMessage, Message, Role

        agent = ChatAgent(chat_client=None, instructions="You help.")

        async def main(wish):
            return await agent.run({message})
        """
    )
    assert said(file, 7)[1:] == [("user", "wish", False)]


def test_an_agent_that_an_exit_stack_enters_takes_part() -> None:
    run = """async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(client.create_agent(instructions="You begin."))
        built = SequentialBuilder().participants([first, close]).build()
        return await built.run(task)"""
    assert edges(agents(run)) == {(22, 11, "data")}


def test_an_agent_that_a_function_keeps_in_a_session_is_asked_by_another() -> None:
    file = compiled(
        """
        import chainlit as cl
        from agent_framework import ChatAgent

        @cl.on_chat_start
        async def start():
            agents = {"plan": ChatAgent(chat_client=None, instructions="You plan.")}
            cl.user_session.set("agents", agents)

        @cl.on_message
        async def answer(message):
            agents = cl.user_session.get("agents")
            plan = await agents["plan"].run(message.content)
            return await agents["plan"].run(f"Mend {plan.text}")
        """
    )
    assert edges(file) == {(13, 14, "data")}
    assert said(file, 13)[0] == ("system", "You plan.", False)


def test_a_builder_that_is_given_executors_alone_is_no_call() -> None:
    file = agents("return await SequentialBuilder(participants=[Publish()]).build().run(task)")
    assert lines(file) == [19]
    handled = AGENTS.replace("self, text, ctx", "self, text: str, ctx: WorkflowContext[str]")
    run = "return await SequentialBuilder(participants=[Publish()]).build().run(task)"
    assert lines(compiled(handled.replace("RUN", run).replace("TOOLS", "[]"))) == []
