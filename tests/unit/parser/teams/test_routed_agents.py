"""Agents of AutoGen's core: whom their messages reach, and what comes back."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges

HEAD = """
from dataclasses import dataclass
from autogen_core import *
from autogen_core.models import UserMessage

@dataclass
class Text:
    content: str

@dataclass
class Verdict:
    content: str

class Asking(RoutedAgent):
    def __init__(self, client, topic=""):
        super().__init__("asks")
        self.client = client
        self.topic = topic
        self.history = []
"""

CHAIN = """
@type_subscription(topic_type="plans")
class Planner(Asking):
    @message_handler
    async def handle(self, message: Text, ctx: MessageContext) -> None:
        plan = await self.client.create([UserMessage(content="Plan " + message.content)])
        await self.publish_message(Text(plan.content), TopicId("drafts", source="s"))

class Writer(Asking):
    @message_handler
    async def handle(self, message: Text, ctx: MessageContext) -> None:
        draft = await self.client.create([UserMessage(content="Write " + message.content)])
        await self.publish_message(Text(draft.content), topic_id=TopicId(self.topic, "s"))

@default_subscription
class Polisher(Asking):
    @message_handler
    async def handle(self, message: Text, ctx: MessageContext) -> None:
        await self.client.create([UserMessage(content="Polish " + message.content)])

async def main(client: ChatCompletionClient):
    runtime = SingleThreadedAgentRuntime()
    await Planner.register(runtime, "planner", lambda: Planner(client))
    writer = await Writer.register(runtime, type="w", factory=lambda: Writer(client, TOPIC))
    await Polisher.register(runtime, "polisher", lambda: Polisher(client))
    await runtime.add_subscription(TypeSubscription(topic_type="drafts", agent_type=writer.type))
    await runtime.publish_message(Text("a tale"), TopicId("plans", source="s"))
"""
PLAN, WRITE, POLISH = 25, 31, 38


def chain(topic: str) -> CompiledFile:
    return compiled(HEAD + CHAIN.replace("TOPIC", topic))


@pytest.mark.parametrize(
    ("topic", "reached"), [('"default"', {(WRITE, POLISH, "data")}), ('"nowhere"', set())]
)
def test_what_is_published_reaches_those_that_listen_under_its_topic(
    topic: str, reached: set[tuple[int, int, str]]
) -> None:
    assert edges(chain(topic)) == {(PLAN, WRITE, "data")} | reached


def test_agents_that_hand_on_only_one_way_do_not_go_round() -> None:
    assert [call.repeated_by for call in chain('"default"').calls] == [(), (), ()]


SENDING = """
class Worker(Asking):
    @message_handler
    async def work(self, message: Text, ctx: MessageContext) -> Verdict:
        made = await self.client.create([UserMessage(content=message.content)])
        return Verdict(content=made.content)

class Boss(Asking):
    @message_handler
    async def lead(self, message: Text, ctx: MessageContext) -> Verdict:
        plan = await self.client.create([UserMessage(content="Plan " + message.content)])
        workers = [AgentId("worker", f"{number}") for number in range(3)]
        found = await asyncio.gather(*[self.send_message(Text(plan.content), w) for w in workers])
        said = "; ".join(one.content for one in found)
        return await self.client.create([UserMessage(content="Join " + said)])

async def main(client: ChatCompletionClient):
    runtime = SingleThreadedAgentRuntime()
    await Worker.register(runtime, "worker", lambda: Worker(client))
    await Boss.register(runtime, "boss", lambda: Boss(client))
    await runtime.send_message(Text("a house"), AgentId("boss", "default"))
"""


def test_who_is_sent_a_message_answers_with_what_its_handler_returns() -> None:
    file = compiled("import asyncio\n" + HEAD + SENDING)
    assert edges(file) == {(31, 25, "data"), (25, 35, "data")}
    assert [call.fanout for call in file.calls if call.line == 25] == ["gather"]


ROUND = """
@default_subscription
class Critic(Asking):
    @message_handler
    async def judge(self, message: Text, ctx: MessageContext) -> None:
        said = await self.client.create([UserMessage(content="Judge " + message.content)])
        await self.publish_message(Verdict(said.content), DefaultTopicId())

@default_subscription
class Writer(Asking):
    @message_handler
    async def begin(self, message: Task, ctx: MessageContext) -> None:
        draft = await self.client.create([UserMessage(content="Write of it")])
        await self.publish_message(Text(draft.content), DefaultTopicId())

    @message_handler
    async def mend(self, message: Verdict, ctx: MessageContext) -> None:
        if "fine" in message.content:
            return
        draft = await self.client.create([UserMessage(content="Mend by " + message.content)])
        await self.publish_message(Text(draft.content), DefaultTopicId())

async def main(client: ChatCompletionClient):
    runtime = SingleThreadedAgentRuntime()
    await Critic.register(runtime, "critic", lambda: Critic(client))
    await Writer.register(runtime, "writer", lambda: Writer(client))
    await runtime.publish_message(Task("a tale"), DefaultTopicId())
"""
JUDGE, BEGIN, MEND = 25, 32, 39


def test_a_message_that_comes_back_is_heard_in_a_later_turn() -> None:
    assert edges(compiled(HEAD + ROUND)) == {
        (BEGIN, JUDGE, "data"),
        (JUDGE, MEND, "data"),
        (MEND, JUDGE, "loop"),
    }


def test_handlers_that_a_message_passes_until_it_comes_back_are_repeated() -> None:
    file = compiled(HEAD + ROUND)
    assert [call.line for call in file.calls if call.repeated_by] == [JUDGE, MEND]


def test_an_agent_hears_in_a_later_turn_what_it_kept_itself() -> None:
    talk = ROUND.replace('[UserMessage(content="Judge " + message.content)]', "self.history")
    talk = talk.replace(
        "        await self.publish_message(Verdict",
        "        self.history.append(AssistantMessage(content=said.content))\n"
        "        await self.publish_message(Verdict",
    )
    assert (JUDGE, JUDGE, "loop") in edges(compiled(HEAD + talk))


def test_a_function_may_take_messages_by_itself() -> None:
    closure = """
async def collect(agent: ClosureContext, message: Verdict, ctx: MessageContext) -> None:
    await client.create([UserMessage(content="Sum up " + message.content)])

await ClosureAgent.register_closure(runtime, "c", collect,
    subscriptions=lambda: [TypeSubscription(topic_type="default", agent_type="c")])
"""
    file = compiled(HEAD + ROUND + closure.replace("client.", "OpenAI().chat.completions."))
    assert (JUDGE, 49, "data") in edges(file)
