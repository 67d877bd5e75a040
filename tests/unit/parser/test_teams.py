"""Teams of agents: the inferences that a framework's run leads to, and whose answers each hears."""

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_sources
from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines, package


def said(file: CompiledFile, line: int) -> list[tuple[str | None, str, bool]]:
    """The segments of the call in a line: role, text or name, and whether every turn leaves one."""
    call = next(call for call in file.calls if call.line == line)
    return [(part.role, part.text or part.name, part.each_turn) for part in call.segments]


def turning(file: CompiledFile) -> list[int]:
    return [call.line for call in file.calls if call.repeated_by]


MANAGED = """
from smolagents import CodeAgent, InferenceClientModel, ToolCallingAgent

model = InferenceClientModel()
searcher = ToolCallingAgent([], model, name="searcher", instructions="Search with care.")
manager = CodeAgent([], model, managed_agents=[MEMBER], instructions="Lead.")

def work(question):
    return manager.run(question)
"""


def test_a_managed_agent_is_a_call_where_it_is_made_and_reports_to_its_manager() -> None:
    file = compiled(MANAGED.replace("MEMBER", "searcher"))
    assert edges(file) == {(9, 5, "data"), (5, 9, "loop"), (9, 9, "loop")}
    assert turning(file) == [5, 9]
    assert [call.family for call in file.calls] == ["smolagents", "smolagents"]


def test_a_manager_keeps_its_steps_and_the_reports_and_a_managed_agent_begins_anew() -> None:
    file = compiled(MANAGED.replace("MEMBER", "searcher"))
    assert said(file, 9) == [
        ("system", "Lead.", False),
        (None, "question", False),
        ("assistant", "manager", True),
        ("tool", "searcher", True),
    ]
    assert said(file, 5) == [("system", "Search with care.", False), ("user", "manager", False)]


def test_an_agent_that_is_made_where_it_is_handed_over_is_found_there() -> None:
    made = 'ToolCallingAgent([], model, name="finder")'
    assert lines(compiled(MANAGED.replace("MEMBER", made))) == [6, 9]


def test_members_that_are_not_at_hand_leave_one_call_and_are_told() -> None:
    source = MANAGED.replace("managed_agents=[MEMBER]", "managed_agents=members_for(model)")
    assert lines(compiled(source)) == [9]
    source = GROUP.replace("TEAM", "RoundRobinGroupChat(members_for(client))")
    file = compiled(source.replace("HANDOFFS", "tools=[]"))
    assert lines(file) == [9]
    assert [(told.line, "`members_for(client)`" in told.message) for told in file.errors] == [
        (9, True)
    ]


def test_a_team_that_is_all_at_hand_is_told_nothing_of() -> None:
    assert compiled(MANAGED.replace("MEMBER", "searcher")).errors == ()


def test_an_agent_of_another_file_is_a_call_of_that_file() -> None:
    files = package(
        helpers="""
        from smolagents import InferenceClientModel, ToolCallingAgent

        searcher = ToolCallingAgent([], InferenceClientModel(), name="searcher")
        """,
        main="""
        from pkg.helpers import searcher
        from smolagents import CodeAgent, InferenceClientModel

        manager = CodeAgent([], InferenceClientModel(), managed_agents=[searcher])
        print(manager.run("Who won?"))
        """,
    )
    assert lines(files["helpers.py"]) == [4]
    assert [edge.call for edge in files["helpers.py"].calls[0].depends_on] == [
        files["main.py"].calls[0].id
    ]


HANDED = """
from agents import Agent, Runner, handoff

french = Agent(name="French", instructions="You speak French.")
german = Agent(name="German", instructions="You speak German.")
poet = Agent(name="Poet", instructions="You write poems.")
desk = Agent(name="Desk", instructions="Hand on.", handoffs=HANDOFFS, tools=TOOLS)
MORE

async def serve(text):
    result = await Runner.run(desk, text)
    return await Runner.run(poet, result.final_output)
"""


def handed(handoffs: str, tools: str = "[]", more: str = "") -> CompiledFile:
    source = HANDED.replace("HANDOFFS", handoffs).replace("TOOLS", tools)
    return compiled(source.replace("MORE", more))


@pytest.mark.parametrize("handoffs", ["[french, german]", "[french, handoff(agent=german)]"])
def test_a_hand_off_goes_on_with_the_conversation_and_its_answer_may_be_the_last(
    handoffs: str,
) -> None:
    file = handed(handoffs)
    assert edges(file) == {
        (11, 4, "data"),
        (11, 5, "data"),
        (11, 12, "data"),
        (4, 12, "data"),
        (5, 12, "data"),
    }
    assert turning(file) == []
    assert said(file, 4) == [
        ("system", "You speak French.", False),
        (None, "text", False),
        ("assistant", "result", False),
    ]


def test_braces_in_instructions_that_nothing_fills_are_text() -> None:
    source = HANDED.replace("HANDOFFS", "[french]").replace("TOOLS", "[]").replace("MORE", "")
    file = compiled(source.replace("You speak French.", "Answer as {name}."))
    assert said(file, 4)[0] == ("system", "Answer as {name}.", False)


def test_agents_that_hand_back_take_turns() -> None:
    file = handed("[french]", more="french.handoffs.append(desk)")
    assert turning(file) == [4, 11]
    assert {(4, 11, "loop"), (11, 4, "data"), (11, 11, "loop")} <= edges(file)
    assert said(file, 11)[2:] == [("assistant", "result", True), ("assistant", "french", True)]


def test_an_agent_as_a_tool_is_asked_by_its_caller_and_answers_it() -> None:
    file = handed("[]", tools='[german.as_tool("german", "Translates.")]')
    found = edges(file)
    assert {(11, 5, "data"), (5, 11, "loop")} <= found
    assert (5, 12, "data") not in found


def test_what_a_team_said_in_an_earlier_run_reaches_it_in_a_later_turn() -> None:
    talk = """
        from agents import Agent, Runner

        french = Agent(name="French", instructions="You speak French.")
        german = Agent(name="German", instructions="You speak German.")
        desk = Agent(name="Desk", instructions="Hand on.", handoffs=[french, german])

        async def serve():
            said = []
            while True:
                said.append({"role": "user", "content": input()})
                result = await Runner.run(desk, said)
                said = result.to_input_list()
        """
    found = edges(compiled(talk))
    assert {(4, 5, "loop"), (5, 4, "loop"), (4, 12, "loop"), (12, 4, "data")} <= found
    assert not {(4, 5, "data"), (5, 4, "data")} & found


def test_an_agent_alone_is_one_call_that_nothing_repeats() -> None:
    file = handed("[]")
    assert (lines(file), turning(file)) == ([11, 12], [])


TOOLS = """
from pydantic_ai import Agent, RunContext

chooser = Agent("m", system_prompt="Choose a joke.")
maker = Agent("m", system_prompt="Make jokes.")

@chooser.tool
async def jokes(ctx: RunContext[None], count: int) -> str:
    made = await maker.run(f"Make {count} jokes.")
    return made.output

def main():
    return chooser.run_sync("Tell me a joke.")
"""


def test_a_tool_that_asks_another_agent_is_an_edge_there_and_back() -> None:
    file = compiled(TOOLS)
    assert edges(file) == {(13, 9, "data"), (9, 13, "loop"), (13, 13, "loop")}


def test_a_tool_whose_prompt_holds_nothing_of_its_caller_is_an_edge_back_alone() -> None:
    file = compiled(TOOLS.replace("Make {count} jokes.", "Make jokes."))
    assert edges(file) == {(9, 13, "loop"), (13, 13, "loop")}


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


CHAT = """
from autogen import AssistantAgent, GroupChat, GroupChatManager, UserProxyAgent

config = {"model": "m"}
user = UserProxyAgent("user", code_execution_config={})
coder = AssistantAgent("coder", llm_config=config, system_message="Code.")
planner = AssistantAgent("planner", llm_config=config, system_message="Plan.")

def work(task):
    chat = GroupChat([user, coder, planner], messages=[], METHOD)
    manager = GroupChatManager(groupchat=chat, llm_config=config)
    TALK
"""


def chat(talk: str, method: str = "max_round=9") -> CompiledFile:
    return compiled(CHAT.replace("TALK", talk).replace("METHOD", method))


def test_a_manager_asks_who_speaks_next_and_who_has_no_model_is_no_call() -> None:
    file = chat("user.initiate_chat(manager, message=task)")
    assert lines(file) == [6, 7, 12]
    assert edges(file) == {
        (6, 12, "loop"),
        (7, 12, "loop"),
        (6, 6, "loop"),
        (6, 7, "data"),
        (7, 6, "loop"),
        (7, 7, "loop"),
    }


def test_a_manager_that_takes_the_speakers_in_turn_asks_nothing_itself() -> None:
    method = 'speaker_selection_method="round_robin"'
    file = chat("user.initiate_chat(manager, message=task)", method)
    assert lines(file) == [7, 12]
    assert said(file, 12)[0] == ("system", "Code.", False)


def test_an_agent_answers_a_user_again_and_again() -> None:
    file = chat("user.initiate_chat(coder, message=task)")
    assert edges(file) == {(12, 12, "loop")}
    assert said(file, 12)[0] == ("system", "Code.", False)


def test_a_chat_of_one_turn_is_one_answer() -> None:
    file = chat("user.initiate_chat(coder, message=task, max_turns=1)")
    assert (edges(file), turning(file)) == (set(), [])


def test_two_agents_with_models_answer_each_other() -> None:
    file = chat("planner.initiate_chat(coder, message=task)")
    assert edges(file) == {(12, 7, "data"), (7, 12, "loop"), (12, 12, "loop"), (7, 7, "loop")}


PROJECT = """
from crewai import Agent, Crew, Task
from crewai.project import CrewBase, agent, crew, task

@CrewBase
class News:
    tasks_config = "config/jobs.yaml"

    @agent
    def scout(self):
        return Agent(config=self.agents_config["scout"])

    @task
    def look(self):
        return Task(config=self.tasks_config["look"])

    @task
    def check(self):
        return Task(config=self.tasks_config["check"], agent=self.scout())

    @task
    def write(self):
        return Task(config=self.tasks_config["write"], agent=self.scout())

    @crew
    def crew(self):
        return Crew(agents=self.agents, tasks=self.tasks)

def main(town):
    return News().crew().kickoff(inputs={"town": town})
"""
PROJECT_FILES = {
    "pkg/config/agents.yaml": "scout:\n  role: Scout\n  goal: >\n    Find all\n    of it.\n",
    "pkg/config/jobs.yaml": "look:\n  description: Look at {town}.\n  agent: scout\n"
    "check:\n  description: Check.\n"
    "write:\n  description: Write.\n  context:\n    - look\n",
}


class ProjectFiles:
    """The files of a project's folder, in memory."""

    def read(self, path: str, near: str) -> tuple[str, str] | None:
        found = f"pkg/{path}"
        return (found, PROJECT_FILES[found]) if found in PROJECT_FILES else None


def project() -> CompiledFile:
    sources: dict[str, str | bytes] = {"pkg/crew.py": PROJECT}
    return compile_sources(sources, options=CompileOptions(), files=ProjectFiles()).files[0]


def test_agents_and_tasks_have_what_the_files_of_their_project_say() -> None:
    file = project()
    call = next(call for call in file.calls if call.line == 30)
    assert [(part.text or part.name, part.path, part.line) for part in call.segments] == [
        ("Scout", "config/agents.yaml", 2),
        ("Find all of it.\n", "config/agents.yaml", 4),
        ("Look at ", "config/jobs.yaml", 2),
        ("town", "", 30),
        (".", "config/jobs.yaml", 2),
    ]


def test_a_task_hears_the_tasks_that_its_project_names_as_its_context() -> None:
    assert edges(project()) == {(30, 19, "data"), (30, 23, "data")}


MANAGED_CREW = """
from crewai import Agent, Crew, Process, Task

scout = Agent(role="Scout", goal="Find.", backstory="Old.")
scribe = Agent(role="Scribe", goal="Write.", backstory="Young.")
head = Agent(role="Head", goal="Lead.", backstory="Calm.")
look = Task(description="Look.", expected_output="Facts", agent=scout)
write = Task(description="Write.", expected_output="Text")

def main():
    crew = Crew(agents=[scout, scribe], tasks=[look, write], process=PROCESS, manager_agent=head)
    return crew.kickoff()
"""


def test_the_manager_of_a_hierarchical_crew_does_the_tasks_and_asks_the_agents_as_tools() -> None:
    file = compiled(MANAGED_CREW.replace("PROCESS", "Process.hierarchical"))
    to_agents = {(12, 4, "data"), (8, 4, "data"), (8, 5, "data")}
    back = {(4, 12, "loop"), (4, 8, "loop"), (5, 8, "loop")}
    own = {(12, 12, "loop"), (8, 8, "loop"), (12, 8, "data")}
    assert edges(file) == to_agents | back | own
    assert turning(file) == [4, 5, 8, 12]
    assert said(file, 12)[:3] == [
        ("system", "Head", False),
        ("system", "Calm.", False),
        ("system", "Lead.", False),
    ]


def test_without_a_manager_each_task_is_done_by_its_own_agent() -> None:
    file = compiled(MANAGED_CREW.replace("PROCESS", "Process.sequential"))
    assert edges(file) == {(12, 8, "data")}
    assert said(file, 12)[0] == ("system", "Scout", False)


CREW = """
from crewai import Agent, Crew, Task
from crewai.project import CrewBase, agent, crew, task

@CrewBase
class News:
    @agent
    def scout(self):
        return Agent(role="Scout", goal="Find.", backstory="Old.")

    @task
    def look(self):
        return Task(description="Look at {town}.", expected_output="Facts", agent=self.scout())

    @task
    def write(self):
        return Task(description="Write.", expected_output="Text", agent=self.scout(), CONTEXT)

    @task
    def title(self):
        return Task(description="Title.", expected_output="Line", agent=self.scout())

    @crew
    def crew(self):
        return Crew(agents=self.agents, tasks=self.tasks)

def main(town):
    return News().crew().kickoff(inputs={"town": town})
"""


def test_a_crew_is_its_tasks_in_order_each_of_which_hears_all_before() -> None:
    file = compiled(CREW.replace("CONTEXT", "tools=[]"))
    assert edges(file) == {(28, 17, "data"), (28, 21, "data"), (17, 21, "data")}
    assert said(file, 28) == [
        ("system", "Scout", False),
        ("system", "Old.", False),
        ("system", "Find.", False),
        ("user", "Look at ", False),
        ("user", "town", False),
        ("user", ".", False),
        ("user", "Facts", False),
    ]


def test_a_task_with_a_context_of_its_own_hears_that_alone() -> None:
    file = compiled(CREW.replace("CONTEXT", "context=[]"))
    assert edges(file) == {(28, 21, "data"), (17, 21, "data")}


def test_tasks_that_do_not_wait_run_side_by_side() -> None:
    source = CREW.replace("CONTEXT", "async_execution=True")
    source = source.replace(
        "agent=self.scout())\n\n    @task\n    def write",
        ("agent=self.scout(), async_execution=True)\n\n    @task\n    def write"),
    )
    file = compiled(source)
    assert edges(file) == {(28, 21, "data"), (17, 21, "data")}
    assert [call.fanout for call in file.calls] == ["parallel", None, "parallel"]


ADK = """
from google.adk.agents import LlmAgent, LoopAgent, ParallelAgent, SequentialAgent
from google.adk.tools.agent_tool import AgentTool

plan = LlmAgent(name="plan", model="m", instruction="Plan.", output_key="plan")
left = LlmAgent(name="left", model="m", instruction="Do {plan}.", output_key="left")
right = LlmAgent(name="right", model="m", instruction="Undo.", output_key="right")
close = LlmAgent(name="close", model="m", instruction="Close {left}.", CLOSING)
root_agent = ROOT
"""


def adk(root: str, closing: str = "tools=[]") -> CompiledFile:
    return compiled(ADK.replace("ROOT", root).replace("CLOSING", closing))


BRANCHES = 'SequentialAgent(name="all", sub_agents=[plan, BOTH, close])'.replace(
    "BOTH", 'ParallelAgent(name="both", sub_agents=[left, right])'
)


def test_agents_in_parallel_do_not_hear_each_other_and_are_heard_by_the_next() -> None:
    file = adk(BRANCHES)
    assert edges(file) == {
        (5, 6, "data"),
        (5, 7, "data"),
        (5, 8, "data"),
        (6, 8, "data"),
        (7, 8, "data"),
    }
    assert [call.fanout for call in file.calls] == [None, "parallel", "parallel", None]


def test_a_key_of_the_state_is_filled_with_what_was_left_under_it() -> None:
    assert said(adk(BRANCHES), 6)[:3] == [
        ("system", "Do ", False),
        ("system", "plan", False),
        ("system", ".", False),
    ]
    assert adk(BRANCHES).calls[1].segments[1].call == "<module>:plan"


def test_an_agent_without_the_conversation_hears_what_its_instruction_names() -> None:
    file = adk(BRANCHES, 'include_contents="none"')
    assert {source for source, target, _ in edges(file) if target == 8} == {6}


def test_a_loop_goes_round_with_all_that_was_said() -> None:
    file = adk('LoopAgent(name="again", sub_agents=[left, right])')
    assert edges(file) == {(6, 6, "loop"), (6, 7, "data"), (7, 6, "loop"), (7, 7, "loop")}
    assert turning(file) == [6, 7]


def test_sub_agents_go_on_where_their_parent_hands_over() -> None:
    root = 'LlmAgent(name="root", model="m", instruction="Lead.", sub_agents=[left, right])'
    file = adk(root)
    assert edges(file) == {(9, 6, "data"), (9, 7, "data")}


def test_an_agent_in_a_tool_is_asked_and_answers() -> None:
    root = 'LlmAgent(name="root", model="m", tools=[AgentTool(agent=left)])'
    assert {(9, 6, "data"), (6, 9, "loop")} <= edges(adk(root))


def test_an_agent_that_no_server_looks_for_is_no_call() -> None:
    assert lines(compiled(ADK.replace("root_agent = ROOT", "other = plan"))) == []


def test_what_a_runner_runs_is_the_call() -> None:
    file = compiled(
        """
        from google.adk.agents import Agent
        from google.adk.runners import Runner
        from google.genai import types

        agent = Agent(name="one", model="m", instruction="Be brief.")
        runner = Runner(agent=agent, app_name="app", session_service=None)

        async def ask(text):
            content = types.Content(role="user", parts=[types.Part(text=text)])
            async for event in runner.run_async(user_id="u", session_id="s", new_message=content):
                print(event)
        """
    )
    assert lines(file) == [11]
    assert said(file, 11) == [("system", "Be brief.", False), ("user", "text", False)]


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


def test_a_team_of_agno_is_its_leader_who_asks_the_members() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        team = Team(members=[web], instructions="Lead.")
        team.print_response("News?", stream=True)
        """
    )
    assert edges(file) == {(7, 5, "data"), (5, 7, "loop"), (7, 7, "loop")}


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


RUNNABLES = """
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableBranch, RunnableLambda, RunnableParallel
from langchain_core.runnables import RunnablePassthrough, RunnableSequence
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model="m")
joke = ChatPromptTemplate.from_template("Joke about {topic}") | llm | StrOutputParser()
poem = ChatPromptTemplate.from_template("Poem about {topic}") | llm | StrOutputParser()
judge = ChatPromptTemplate.from_template("Is {joke} funny?")

def choose(given):
    return joke if "fun" in given["topic"] else poem

work = WORK

def ask(topic):
    return work.invoke({"topic": topic})
"""


@pytest.mark.parametrize(
    ("work", "called", "joined"),
    [
        ("joke", [19], set()),
        ("RunnableParallel(joke=joke, poem=poem)", [10, 19], set()),
        ('RunnableParallel({"joke": joke, "poem": poem})', [10, 19], set()),
        ('{"joke": joke} | judge | llm', [16, 19], {(19, 16, "data")}),
        ("RunnablePassthrough.assign(joke=joke) | judge | llm", [16, 19], {(19, 16, "data")}),
        ("joke | judge | llm", [16, 19], {(19, 16, "data")}),
        ("joke | RunnableSequence(judge, llm)", [16, 19], {(19, 16, "data")}),
        ("RunnableSequence(joke, judge, llm)", [16, 19], {(19, 16, "data")}),
        ('{"topic": joke} | poem', [10, 19], {(19, 10, "data")}),
        ('{"other": joke} | poem', [10, 19], set()),
        ('RunnableBranch((lambda x: x["fun"], joke), poem)', [10, 19], set()),
        ("RunnableLambda(choose)", [10, 19], set()),
        ("RunnablePassthrough() | choose", [10, 19], set()),
    ],
)
def test_runnables_lead_to_each_chain_that_is_part_of_them(
    work: str, called: list[int], joined: set[tuple[int, int, str]]
) -> None:
    file = compiled(RUNNABLES.replace("WORK", work))
    assert lines(file) == called
    assert edges(file) == joined


def test_chains_in_parallel_run_side_by_side_and_are_asked_the_same() -> None:
    file = compiled(RUNNABLES.replace("WORK", "RunnableParallel(joke=joke, poem=poem)"))
    assert [call.fanout for call in file.calls] == ["parallel", "parallel"]
    assert said(file, 10) == [(None, "Poem about ", False), (None, "topic", False)]
    assert said(file, 19) == [(None, "Joke about ", False), (None, "topic", False)]


def test_a_batch_is_filled_with_the_fields_of_each() -> None:
    source = RUNNABLES.replace("WORK", "joke").replace(
        'invoke({"topic": topic})', 'batch([{"topic": one} for one in topic])'
    )
    assert said(compiled(source), 19) == [(None, "Joke about ", False), (None, "one", False)]


PATTERN = """
from autogen import ConversableAgent
from autogen.agentchat import initiate_group_chat
from autogen.agentchat.group import AgentTarget, OnCondition
from autogen.agentchat.group.patterns import AutoPattern, DefaultPattern

config = {"model": "m"}
desk = ConversableAgent("desk", system_message="Sort.", llm_config=config)
nurse = ConversableAgent("nurse", system_message="Help.", llm_config=config)
human = ConversableAgent("human", human_input_mode="ALWAYS")
HANDOFFS
pattern = PATTERN(initial_agent=desk, agents=[desk, nurse], user_agent=human)
result = initiate_group_chat(pattern=pattern, messages="My head aches.", max_rounds=9)
"""


def test_a_pattern_that_a_model_steers_is_a_group_with_a_selector() -> None:
    file = compiled(PATTERN.replace("= PATTERN", "= AutoPattern").replace("HANDOFFS", ""))
    assert lines(file) == [8, 9, 13]
    assert {(8, 13, "loop"), (9, 13, "loop"), (8, 9, "data"), (9, 8, "loop")} <= edges(file)


@pytest.mark.parametrize(
    ("handoffs", "joined"),
    [
        ("", set()),
        (
            "desk.handoffs.add_llm_conditions([OnCondition(target=AgentTarget(nurse))])",
            {(13, 9, "data")},
        ),
    ],
)
def test_in_other_patterns_an_agent_hands_on_to_those_that_are_declared(
    handoffs: str, joined: set[tuple[int, int, str]]
) -> None:
    source = PATTERN.replace("= PATTERN", "= DefaultPattern").replace("HANDOFFS", handoffs)
    assert edges(compiled(source)) == joined


def test_chats_one_after_the_other_hear_those_before_and_have_messages_of_their_own() -> None:
    file = compiled(
        CHAT.replace(
            "TALK",
            'user.initiate_chats([{"recipient": planner, "message": "Plan it."}, '
            '{"recipient": coder, "message": "Code it."}])',
        ).replace("METHOD", "max_round=9")
    )
    assert edges(file) == {(12, 6, "data")}
    assert said(file, 12) == [("system", "Plan.", False), (None, "Plan it.", False)]
    assert said(file, 6)[:2] == [("system", "Code.", False), (None, "Code it.", False)]


def test_what_a_server_of_agents_is_made_with_is_called() -> None:
    file = compiled(
        """
        from agno.agent import Agent
        from agno.os import AgentOS
        from agno.team import Team

        web = Agent(name="web", role="Searches.")
        team = Team(members=[web], instructions="Lead.")
        server = AgentOS(teams=[team])
        """
    )
    assert edges(file) == {(7, 6, "data"), (6, 7, "loop"), (7, 7, "loop")}


def test_an_agent_that_a_later_file_of_the_package_makes_is_served() -> None:
    files = package(
        agent="""
        from google.adk.agents import SequentialAgent
        from .parts.one import one
        from .parts.two import two

        root_agent = SequentialAgent(name="all", sub_agents=[one, two])
        """,
        parts__one="""
        from google.adk.agents import Agent
        from .texts import RULES

        one = Agent(name="one", model="m", instruction=RULES)
        """,
        parts__texts="""
        RULES = "Be brief."
        """,
        parts__two="""
        from google.adk.agents import Agent

        two = Agent(name="two", model="m", instruction="Be long.")
        """,
    )
    assert files["parts/one.py"].calls[0].segments[0].text == "Be brief."
    assert [edge.call for edge in files["parts/two.py"].calls[0].depends_on] == ["<module>:one"]


PIPELINE = """
from haystack import Pipeline
from haystack.components.builders import PromptBuilder
from haystack.components.generators import OpenAIGenerator
from haystack.components.writers import DocumentWriter

pipe = Pipeline()
pipe.add_component("ask", PromptBuilder(template="Draft {{ topic }}."))
pipe.add_component("draft", OpenAIGenerator(model="m"))
pipe.add_component("again", PromptBuilder(template="Improve it."))
pipe.add_component("polish", OpenAIGenerator(model="m"))
pipe.connect("ask", "draft")
CONNECTED
pipe.connect("again", "polish.prompt")

index = Pipeline()
index.add_component("writer", DocumentWriter(document_store=None))

def work(topic):
    index.run({"writer": {"documents": []}})
    return pipe.run({"ask": {"topic": topic}})
"""


def test_a_pipeline_is_its_generators_joined_through_what_asks_no_model() -> None:
    file = compiled(PIPELINE.replace("CONNECTED", 'pipe.connect("draft.replies", "again.text")'))
    assert lines(file) == [11, 21]
    assert edges(file) == {(21, 11, "data")}
    assert said(file, 11)[0] == ("user", "Improve it.", False)


def test_components_that_nothing_connects_hear_nothing() -> None:
    assert edges(compiled(PIPELINE.replace("CONNECTED", ""))) == set()


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
    assert [call.fanout for call in file.calls] == ["parallel", "parallel", None, None]


def test_a_drawn_flow_that_leads_back_goes_round() -> None:
    drawn = "graph.add_edge(writer, style).add_edge(style, writer, condition='again')"
    drawn += ".add_edge(style, final, condition='done')"
    file = compiled(FLOW.replace(".add_node(facts)", "").replace("EDGES", drawn))
    assert {(18, 8, "data"), (8, 18, "loop"), (8, 10, "data")} <= edges(file)
    assert turning(file) == [8, 18]


SWARM = """
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent
from langgraph_swarm import create_handoff_tool, create_swarm

model = ChatOpenAI(model="m")
alice = create_react_agent(model, [create_handoff_tool(agent_name="Bob")], name="Alice")
bob = create_react_agent(model, tools=[TOOLS], prompt="You are Bob.", name="Bob")
app = create_swarm([alice, bob], default_active_agent="Alice").compile()

def main(text):
    return app.invoke({"messages": [{"role": "user", "content": text}]})
"""


def test_agents_of_a_swarm_go_on_where_a_tool_hands_over() -> None:
    assert edges(compiled(SWARM.replace("TOOLS", ""))) == {(12, 8, "data")}


def test_agents_of_a_swarm_that_hand_over_to_each_other_go_round() -> None:
    file = compiled(SWARM.replace("TOOLS", 'create_handoff_tool(agent_name="Alice")'))
    assert edges(file) == {(12, 8, "data"), (8, 12, "loop"), (8, 8, "loop"), (12, 12, "loop")}


NESTED = """
from autogen import AssistantAgent, UserProxyAgent

writer = AssistantAgent("writer", llm_config={"model": "m"}, system_message="Write.")
critic = AssistantAgent("critic", llm_config={"model": "m"}, system_message="Criticise.")
lawyer = AssistantAgent("lawyer", llm_config={"model": "m"}, system_message="Check.")
user = UserProxyAgent("user")

CHATS = [{"recipient": critic, "message": "?"}, {"recipient": lawyer, "message": "?"}]
user.register_nested_chats(CHATS, trigger=writer)

def main(task):
    return user.initiate_chat(recipient=writer, message=task, max_turns=2)
"""


def test_what_an_agent_says_goes_through_nested_chats_before_it_is_answered() -> None:
    file = compiled(NESTED)
    assert edges(file) == {
        (13, 5, "data"),
        (5, 6, "data"),
        (6, 13, "loop"),
        (13, 13, "loop"),
    }
    assert turning(file) == [5, 6, 13]


def test_a_pipelines_generator_has_the_messages_of_the_builder_before_it() -> None:
    source = PIPELINE.replace('PromptBuilder(template="Draft {{ topic }}.")', "BUILDER")
    chat = "[ChatMessage.from_system('Be brief.'), ChatMessage.from_user('Draft {{ topic }}.')]"
    source = source.replace("BUILDER", f"ChatPromptBuilder(template={chat})")
    source = source.replace("import PromptBuilder", "import ChatPromptBuilder, PromptBuilder")
    file = compiled(source.replace("CONNECTED", ""))
    assert said(file, 21) == [
        ("system", "Be brief.", False),
        ("user", "Draft ", False),
        ("user", "topic", False),
        ("user", ".", False),
    ]


def test_an_agent_that_a_class_holds_begins_anew_each_time_that_it_is_asked() -> None:
    file = compiled(
        """
        from agno.agent import Agent

        class Desk:
            searcher = Agent(name="searcher", instructions="Search.")

            def work(self, topic):
                return self.searcher.run(f"Find {topic}")
        """
    )
    assert (edges(file), turning(file)) == (set(), [])


DERIVED = """
from agents import Agent, Runner

class Researcher(Agent):
    def __init__(self, topic):
        super().__init__(name="Researcher", instructions=f"Research {topic}.")

class Lead(Agent):
    instructions = "Lead."

async def main(topic, task):
    lead = Lead(name="Lead", handoffs=[Researcher(topic)])
    return await Runner.run(lead, task)
"""


def test_an_object_of_a_class_that_is_made_from_an_agent_takes_part_as_one() -> None:
    file = compiled(DERIVED)
    assert edges(file) == {(13, 12, "data")}
    assert said(file, 13)[0] == ("system", "Lead.", False)
    assert said(file, 12)[:2] == [("system", "Research ", False), ("system", "topic", False)]


def test_a_method_that_a_class_has_of_its_own_is_followed_instead_of_its_bases() -> None:
    file = compiled(
        """
        from openai import OpenAI
        from smolagents import CodeAgent

        class Own(CodeAgent):
            def run(self, task):
                prompt = f"Answer in one short sentence, and leave all else out: {task}"
                return OpenAI().responses.create(model="m", input=prompt).output_text

        def main(task):
            return Own(tools=[], model=None).run(task)
        """
    )
    assert {call.family for call in file.calls} == {"openai.responses"}


STRANDS = """
from strands import Agent, tool
from strands.multiagent import GraphBuilder, Swarm

@tool
def research(query):
    helper = Agent(system_prompt="You research.")
    return str(helper(query))

lead = Agent(name="lead", system_prompt="You lead.", tools=[research])
scribe = Agent(name="scribe", system_prompt="You write.")

def main(text):
    RUN
"""


def test_an_agent_of_strands_is_asked_by_calling_it_and_asks_agents_in_its_tools() -> None:
    file = compiled(STRANDS.replace("RUN", "return lead(text)"))
    assert {(14, 8, "data"), (8, 14, "loop")} <= edges(file)
    assert said(file, 14)[:2] == [("system", "You lead.", False), (None, "text", False)]


def test_agents_of_a_strands_swarm_go_on_after_each_other() -> None:
    file = compiled(STRANDS.replace("RUN", "return Swarm([lead, scribe])(text)"))
    assert {(14, 11, "data"), (11, 14, "loop")} <= edges(file)


def test_agents_of_a_strands_graph_go_on_along_its_edges() -> None:
    graph = "graph = GraphBuilder()\n    graph.add_node(lead, 'one')\n"
    graph += "    graph.add_node(scribe, 'two')\n    graph.add_edge('one', 'two')\n"
    file = compiled(STRANDS.replace("RUN", f"{graph}    return graph.build()(text)"))
    assert {(18, 11, "data")} <= edges(file)
    assert said(file, 11)[0] == ("system", "You write.", False)
