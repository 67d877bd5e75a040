"""AutoGen AgentChat: group chats, swarms and drawn flows."""

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said, turning

GROUP = """\
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import MagenticOneGroupChat as MagenticOne
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat, Swarm

async def work(client):
    writer = AssistantAgent("writer", model_client=client, system_message="Write.", HANDOFFS)
    critic = AssistantAgent("critic", model_client=client, system_message="Judge.")
    team = TEAM
    await team.run(task="A poem.")
"""


def group(team: str, handoffs: str = "tools=[]") -> CompiledFile:
    return compiled(GROUP.replace("TEAM", team).replace("HANDOFFS", handoffs))


def test_members_that_are_not_at_hand_leave_one_call_and_are_told() -> None:
    file = group("RoundRobinGroupChat(members_for(client))")
    assert lines(file) == [9]
    assert [(told.line, "`members_for(client)`" in told.message) for told in file.errors] == [
        (9, True)
    ]


def test_a_round_robin_is_the_speakers_in_turn_who_hear_all() -> None:
    file = group("RoundRobinGroupChat([writer, critic])")
    assert edges(file) == {(9, 9, "loop"), (7, 9, "loop"), (9, 7, "data"), (7, 7, "loop")}
    assert turning(file) == [7, 9]
    assert said(file, 9) == [
        ("system", "Write.", False),
        (None, "A poem.", False),
        ("assistant", "writer", True),
        ("assistant", "critic", True),
    ]


def test_a_selector_hears_the_speakers_and_no_speaker_hears_it() -> None:
    file = group("SelectorGroupChat([writer, critic], model_client=client)")
    assert lines(file) == [6, 7, 9]
    assert {edge for edge in edges(file) if 9 in edge[:2]} == {(6, 9, "loop"), (7, 9, "loop")}
    assert {(6, 7, "data"), (7, 6, "loop")} <= edges(file)


def test_an_orchestrator_is_heard_by_the_speakers() -> None:
    file = group("MagenticOne([writer, critic], model_client=client)")
    assert {(9, 6, "data"), (9, 7, "data"), (6, 9, "loop"), (7, 9, "loop")} <= edges(file)


def test_in_a_swarm_the_first_begins_and_hands_on_by_name() -> None:
    file = group("Swarm([writer, critic])", 'handoffs=["critic"]')
    assert edges(file) == {(9, 7, "data")}
    assert turning(file) == []


def test_an_output_that_a_team_is_given_reaches_all_who_hear_the_task() -> None:
    file = compiled(
        GROUP.replace("TEAM", "RoundRobinGroupChat([writer, critic])")
        .replace("HANDOFFS", "tools=[]")
        .replace(
            'await team.run(task="A poem.")',
            (
                'plan = client.responses.create(model="m", input="Plan.")\n'
                '    await team.run(task=f"Follow {plan.output_text}")'
            ),
        )
    )
    assert {(9, 10, "data"), (9, 7, "data")} <= edges(file)


FLOW = """
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow
from autogen_ext.models.openai import OpenAIChatCompletionClient

client = OpenAIChatCompletionClient(model="m")
writer = AssistantAgent("writer", model_client=client, system_message="Draft.")
style = AssistantAgent("style", model_client=client, system_message="Style.")
facts = AssistantAgent("facts", model_client=client, system_message="Facts.")
final = AssistantAgent("final", model_client=client, system_message="Merge.")

graph = DiGraphBuilder()
graph.add_node(writer).add_node(style).add_node(facts).add_node(final)
EDGES

async def main():
    flow = GraphFlow(participants=graph.get_participants(), graph=graph.build())
    return await flow.run(task="Write about tides.")
"""


def test_agents_of_a_drawn_flow_go_on_along_its_edges_and_side_by_side_where_it_forks() -> None:
    drawn = "graph.add_edge(writer, style).add_edge(writer, facts)"
    drawn += ".add_edge(style, final).add_edge(facts, final)"
    file = compiled(FLOW.replace("EDGES", drawn))
    assert edges(file) == {
        (18, 8, "data"),
        (18, 9, "data"),
        (18, 10, "data"),
        (8, 10, "data"),
        (9, 10, "data"),
    }
    assert [call.fanout for call in file.calls] == ["fork", "fork", None, None]


def test_a_drawn_flow_that_leads_back_goes_round() -> None:
    drawn = "graph.add_edge(writer, style).add_edge(style, writer, condition='again')"
    drawn += ".add_edge(style, final, condition='done')"
    file = compiled(FLOW.replace(".add_node(facts)", "").replace("EDGES", drawn))
    assert {(18, 8, "data"), (8, 18, "loop"), (8, 10, "data")} <= edges(file)
    assert turning(file) == [8, 18]


def test_agents_that_a_function_makes_are_told_apart_by_the_names_it_is_given() -> None:
    file = compiled("""
        from autogen_agentchat.agents import AssistantAgent
        from autogen_agentchat.teams import RoundRobinGroupChat

        def make(name, prompt):
            return AssistantAgent(name, model_client=client, system_message=prompt)

        async def main():
            team = RoundRobinGroupChat([make("a", "Write."), make("b", "Judge.")])
            await team.run(task="A poem")
        """)
    assert edges(file) == {(10, 6, "data"), (6, 10, "loop"), (6, 6, "loop"), (10, 10, "loop")}


def test_a_function_within_a_tool_object_is_followed() -> None:
    file = compiled("""
        from autogen_agentchat.agents import AssistantAgent
        from autogen_core.tools import FunctionTool

        inner = AssistantAgent("inner", model_client=client)

        async def look(question: str) -> str:
            return (await inner.run(task=question)).messages[-1].content

        tool = FunctionTool(look, description="Looks.")
        outer = AssistantAgent("outer", model_client=client, tools=[tool])
        outer.run(task="Find it.")
        """)
    assert edges(file) == {(12, 8, "data"), (8, 12, "loop"), (12, 12, "loop")}


def test_an_agent_behind_a_filter_hears_only_those_that_it_lets_through() -> None:
    file = compiled("""
        from autogen_agentchat.agents import AssistantAgent, MessageFilterAgent
        from autogen_agentchat.agents import MessageFilterConfig, PerSourceFilter
        from autogen_agentchat.teams import RoundRobinGroupChat

        writer = AssistantAgent("writer", model_client=client)
        judge = AssistantAgent("judge", model_client=client)
        closer = AssistantAgent("closer", model_client=client)
        last = MessageFilterAgent(
            name="closer",
            wrapped_agent=closer,
            filter=MessageFilterConfig(per_source=[PerSourceFilter(source="judge", count=1)]),
        )
        RoundRobinGroupChat([writer, judge, last]).run(task="A poem")
        """)
    assert {edge for edge in edges(file) if edge[1] == 8} == {(7, 8, "data")}


OWN = """
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from openai import OpenAI

class Critic(BaseChatAgent):
    async def on_messages(self, messages, cancellation_token):
        text = " ".join(message.content for message in messages)
        said = OpenAI().responses.create(model="m", input=f"Judge this: {text}").output_text
        return Response(chat_message=TextMessage(content=said, source=self.name))

writer = AssistantAgent("writer", model_client=client)
critic = Critic("critic", "Judges.")
"""


def test_an_agent_of_the_programs_own_takes_part_by_what_it_asks_itself() -> None:
    file = compiled(OWN + 'RoundRobinGroupChat([writer, critic]).run(task="A poem")\n')
    assert edges(file) == {(16, 11, "data"), (11, 16, "loop"), (16, 16, "loop")}


def test_an_agent_of_the_programs_own_that_is_run_is_given_the_task() -> None:
    source = f"{OWN}first = writer.run(task='A poem')\ncritic.run(task=first.messages)\n"
    assert edges(compiled(source)) == {(16, 11, "data")}


CHOSEN = """\
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

def essay(client):
    writer = AssistantAgent("writer", model_client=client, system_message="Write.")
    critic = AssistantAgent("critic", model_client=client, system_message="Judge.")
    return RoundRobinGroupChat([writer, critic])

def report(client):
    finder = AssistantAgent("finder", model_client=client, system_message="Find.")
    teller = AssistantAgent("teller", model_client=client, system_message="Tell.")
    return RoundRobinGroupChat([finder, teller])

def alone(client):
    return AssistantAgent("alone", model_client=client, system_message="Answer.")

TEAMS = {"essay": essay, "report": report, "alone": alone}

async def work(name, client):
    made = TEAMS.get(name)
    team = made(client)
    return await team.run(task="Tea.")

async def tell(client):
    team = TEAMS["report"](client)
    return await team.run(task="Tea.")
"""


def test_a_run_of_one_of_several_teams_stands_for_the_first_speaker_of_each() -> None:
    file = compiled(CHOSEN)
    assert lines(file) == [6, 11, 22, 26]
    assert {(22, 6, "data"), (22, 11, "data"), (26, 11, "data")} <= edges(file)
    assert not {(26, 6, "data"), (6, 11, "data")} & edges(file)
