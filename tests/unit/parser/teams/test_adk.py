"""Google ADK: what its server and its runners run."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import compiled, edges, lines, package
from tests.unit.parser.teams.speaking import said, turning

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
    assert [call.fanout for call in file.calls] == [None, "fork", "fork", None]


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


CUSTOM = """
from google.adk.agents import BaseAgent, LlmAgent, LoopAgent
from google.adk.runners import InMemoryRunner

plan = LlmAgent(name="plan", model="m", instruction="Plan.", output_key="plan")
act = LlmAgent(name="act", model="m", instruction="Do {plan}.", include_contents="none")

class Flow(BaseAgent):
    first: LlmAgent
    second: LlmAgent

    INIT

    async def _run_async_impl(self, context):
        async for event in self.first.run_async(context):
            yield event
        if context.session.state.get("plan"):
            async for event in self.second.run_async(context):
                yield event

"""
INIT = """def __init__(self, name, first, second):
        super().__init__(name=name, first=first, second=second, sub_agents=[first, second])"""


def test_a_class_that_runs_its_agents_itself_leads_to_them() -> None:
    source = CUSTOM.replace("INIT", INIT)
    file = compiled(source + 'root_agent = Flow("flow", first=plan, second=act)')
    assert lines(file) == [5, 6]
    assert edges(file) == {(5, 6, "data")}


def test_a_runner_of_such_a_class_asks_the_first_of_its_agents() -> None:
    file = compiled(
        CUSTOM.replace("INIT", "")
        + """
flow = Flow(name="flow", first=plan, second=act, sub_agents=[plan, act])
runner = InMemoryRunner(agent=flow)

async def main(said):
    async for event in runner.run_async(user_id="u", session_id="s", new_message=said):
        print(event)
"""
    )
    assert lines(file) == [6, 26]
    assert edges(file) == {(26, 6, "data")}


def test_a_class_of_which_nothing_is_made_here_asks_where_it_runs_its_agents() -> None:
    assert lines(compiled(CUSTOM.replace("INIT", ""))) == [15, 18]


def test_a_key_that_is_written_later_fills_nothing_before() -> None:
    root = 'SequentialAgent(name="all", sub_agents=[left, plan])'
    assert (5, 6, "loop") not in edges(adk(root))
    again = 'LoopAgent(name="again", sub_agents=[left, plan])'
    assert (5, 6, "loop") in edges(adk(again))


def test_an_agent_is_served_under_a_name_of_a_file_that_is_read_before_its_own() -> None:
    files = package(
        agent="""
        from .monitor import monitor

        root_agent = monitor
        """,
        monitor="""
        from google.adk.agents import LlmAgent, LoopAgent

        checker = LlmAgent(name="checker", model="m", instruction="Check the price.")
        monitor = LoopAgent(name="monitor", sub_agents=[checker])
        """,
    )
    assert lines(files["monitor.py"]) == [4]
    assert edges(files["monitor.py"]) == {(4, 4, "loop")}


def test_an_agent_of_another_file_under_another_name_is_no_call() -> None:
    files = package(
        agent="""
        from .monitor import monitor

        other_agent = monitor
        """,
        monitor="""
        from google.adk.agents import LlmAgent

        monitor = LlmAgent(name="monitor", model="m", instruction="Check the price.")
        """,
    )
    assert lines(files["monitor.py"]) == []


WORKFLOW = """
from google.adk import Agent, Event, Workflow
from google.adk.workflow import START, Edge, JoinNode, node

plan = Agent(name="plan", instruction="Plan.")
left = Agent(name="left", instruction="Look left.")
right = Agent(name="right", instruction="Look right.")
close = Agent(name="close", instruction="Close.")
join = JoinNode(name="join")

def check(node_input):
    return Event(output=node_input, route="done")

root_agent = Workflow(name="all", edges=[EDGES])
"""


def drawn(written: str) -> CompiledFile:
    return compiled(WORKFLOW.replace("EDGES", written))


def test_an_agent_of_a_workflow_is_given_what_the_one_before_it_answered_alone() -> None:
    file = drawn("(START, plan, check, left, close)")
    assert edges(file) == {(5, 6, "data"), (6, 8, "data")}


def test_agents_that_a_workflow_leads_to_from_one_node_run_side_by_side() -> None:
    file = drawn("(START, plan, (left, right), join), (join, close)")
    assert {(5, 6, "data"), (5, 7, "data"), (6, 8, "data"), (7, 8, "data")} == edges(file)
    assert {call.line for call in file.calls if call.fanout == "fork"} == {6, 7}


def test_a_workflow_that_leads_back_goes_round() -> None:
    routes = '(START, plan, left, check), (check, {"again": left, "done": close})'
    file = drawn(f"{routes}, Edge(from_node=close, to_node=right)")
    assert {(6, 6, "loop"), (6, 8, "data"), (8, 7, "data")} <= edges(file)
    assert turning(file) == [6]
    assert [call.fanout for call in file.calls] == [None] * 4


def test_an_agent_that_a_node_runs_is_a_call_there() -> None:
    file = compiled(
        """
        from google.adk import Agent
        from google.adk.workflow import node

        guide = Agent(name="guide", instruction="Suggest one step.")

        @node
        async def mend(ctx, node_input):
            await ctx.run_node(log_it, node_input)
            return await ctx.run_node(guide, node_input)
        """
    )
    assert lines(file) == [10]
    assert said(file, 10)[0] == ("system", "Suggest one step.", False)


def test_a_sub_agent_with_a_task_of_its_own_answers_its_parent() -> None:
    file = compiled(
        """
        from google.adk.agents import Agent

        clerk = Agent(name="clerk", instruction="Look it up.", mode="task")
        root_agent = Agent(name="desk", instruction="Serve.", sub_agents=[clerk])
        """
    )
    assert {(5, 4, "data"), (4, 5, "loop")} <= edges(file)


def test_a_runner_of_functions_alone_asks_no_model_by_itself() -> None:
    run = "\n\ndef main(text):\n    Runner(node=root_agent).run(new_message=text)"
    written = WORKFLOW.replace("import Agent", "import Agent, Runner")
    written = written.replace("EDGES", "(START, check, join)")
    assert lines(compiled(f"{written.rstrip()}{run}")) == []


BEHIND_A_BRANCH = """
if __debug__:
    print("Ready.")

root_agent ="""

RUN_AT_ONCE = """
if __name__ == "__main__":
    import asyncio
    from google.adk import Runner

    async def main():
        Runner(node=root_agent).run(new_message="Write.")

    asyncio.run(main())
"""


def test_what_a_file_runs_that_has_branched_before_is_what_it_has_made() -> None:
    written = WORKFLOW.replace("EDGES", "(START, check, join)").rstrip()
    assert lines(compiled(written.replace("\nroot_agent =", BEHIND_A_BRANCH) + RUN_AT_ONCE)) == []


COURSE = """
from google.adk.agents import BaseAgent, LlmAgent

sort = LlmAgent(name="sort", model="m", instruction="Sort the letter.")
file = LlmAgent(name="file", model="m", instruction="File it.")
reply = LlmAgent(name="reply", model="m", instruction="Reply.")
check = LlmAgent(name="check", model="m", instruction="Check it.")

class Office(BaseAgent):
    sort: LlmAgent
    file: LlmAgent
    reply: LlmAgent
    check: LlmAgent

    def __init__(self, **fields):
        super().__init__(**fields)

    async def _run_async_impl(self, context):
        BODY

    async def checked(self, context):
        async for event in self.check.run_async(context):
            yield event

    def chosen(self, context):
        if context.state.get("short"):
            return self.file
        return self.reply

everyone = dict(sub_agents=[check, reply, file, sort], sort=sort, file=file, reply=reply)
root_agent = Office(name="office", check=check, **everyone)
"""


def course(body: str) -> CompiledFile:
    """An office whose agents are made in the lines 4 to 7, and run as the body says."""
    return compiled(COURSE.replace("BODY", body.strip().replace("\n", "\n        ")))


def run(name: str) -> str:
    return f"async for event in self.{name}.run_async(context):\n    yield event\n"


def test_agents_of_an_own_class_speak_in_the_order_in_which_its_method_runs_them() -> None:
    assert edges(course(run("sort") + run("reply"))) == {(4, 6, "data")}


def test_what_a_branch_that_returns_runs_reaches_nothing_that_follows() -> None:
    branch = 'if context.state.get("old"):\n    async for event in self.file.run_async(context):\n'
    branch += "        yield event\n    return\n"
    file = course(run("sort") + branch + run("reply"))
    assert edges(file) == {(4, 5, "data"), (4, 6, "data")}


def test_an_agent_of_which_no_event_is_handed_on_is_heard_by_nobody() -> None:
    body = "async for event in self.sort.run_async(context):\n    kind = event.content\n"
    file = course(body + run("reply"))
    assert lines(file)[:2] == [4, 6]
    assert edges(file) == set()


def test_agents_of_which_each_turn_of_a_loop_runs_one_hear_each_other_in_later_turns() -> None:
    body = "while not context.ended:\n    agent = self.chosen(context)\n"
    body += "    async for event in agent.run_async(context):\n        yield event\n"
    pair = {(5, 6, "loop"), (6, 5, "loop"), (5, 5, "loop"), (6, 6, "loop")}
    file = course(body)
    assert edges(file) == pair
    assert turning(file) == [5, 6]


def test_a_method_that_an_own_class_calls_runs_its_agents_in_its_place() -> None:
    body = "async for event in self.checked(context):\n    yield event\n"
    assert edges(course(run("sort") + body + run("reply"))) == {
        (4, 7, "data"),
        (4, 6, "data"),
        (7, 6, "data"),
    }


def test_of_an_own_class_whose_agents_are_not_at_hand_a_warning_says_so() -> None:
    file = compiled(
        """
        from google.adk.agents import BaseAgent
        from google.adk.runners import InMemoryRunner
        from mill import miller

        class Mill(BaseAgent):
            grind: object

            async def _run_async_impl(self, context):
                async for event in self.grind.run_async(context):
                    yield event

        runner = InMemoryRunner(agent=Mill(name="mill", grind=miller))

        def main(said):
            return runner.run(new_message=said)
        """
    )
    assert lines(file) == [16]
    assert ["self.grind" in one.message for one in file.errors] == [True]


SERVED = """
from google.adk.a2a.utils.agent_to_a2a import to_a2a
from google.adk.agents import Agent
from google.adk.tools import AgentTool

def main():
    check = Agent(name="check", model="m", instruction="Check.")
    roll = Agent(name="roll", model="m", instruction="Roll.", tools=[AgentTool(agent=check)])
    SERVE
"""


def test_a_server_that_a_function_starts_runs_its_agent() -> None:
    file = compiled(SERVED.replace("SERVE", "return to_a2a(roll, port=8001)"))
    assert edges(file) == {(8, 7, "data"), (7, 8, "loop"), (8, 8, "loop")}


def test_an_agent_that_is_deployed_is_asked_where_the_program_does_or_else_by_the_cloud() -> None:
    deployed = "from vertexai.preview.reasoning_engines import AdkApp\n    app = AdkApp(agent=roll)"
    assert lines(compiled(SERVED.replace("SERVE", deployed))) == [7, 8]
    asked = f"{deployed}\n    return app.stream_query(message='Roll')"
    assert lines(compiled(SERVED.replace("SERVE", asked))) == [7, 11]


def test_a_copy_of_an_agent_has_what_its_update_says() -> None:
    file = compiled(
        """
        from google.adk.agents import LlmAgent, SequentialAgent

        sailor = LlmAgent(name="sailor", model="m", instruction="Write like a sailor.")
        monk = sailor.clone(update={"name": "monk", "instruction": "Write like a monk."})
        root_agent = SequentialAgent(name="all", sub_agents=[sailor, monk])
        """
    )
    assert edges(file) == {(4, 5, "data")}
    assert said(file, 5)[0] == ("system", "Write like a monk.", False)


LISTED = """
from google.adk.agents import BaseAgent, LlmAgent

sort = LlmAgent(name="sort", model="m", instruction="Sort the letter.")
write = LlmAgent(name="write", model="m", instruction="Write.")
judge = LlmAgent(name="judge", model="m", instruction="Judge it.")

class Office(BaseAgent):
    sort: LlmAgent

    async def _run_async_impl(self, context):
        BODY

    async def ran(self, agent, context):
        async for event in agent.run_async(context):
            yield event

root_agent = Office(name="office", sort=sort, sub_agents=[write, judge])
"""

ROUND = {(5, 6, "data"), (5, 5, "loop"), (6, 5, "loop"), (6, 6, "loop")}


def listed(body: str) -> CompiledFile:
    """An office that is given the agents of the lines 5 and 6 in a list."""
    return compiled(LISTED.replace("BODY", body.replace("\n", "\n        ")))


@pytest.mark.parametrize("run", ["agent.run_async(context)", "self.ran(agent, context)"])
def test_a_loop_through_sub_agents_runs_one_after_the_other(run: str) -> None:
    through = f"for agent in self.sub_agents:\n    async for event in {run}:\n        yield event"
    assert edges(listed(through)) == {(5, 6, "data")}
    rounds = "while not context.ended:\n    " + through.replace("\n", "\n    ")
    assert edges(listed(rounds)) == ROUND


def test_sub_agents_are_known_by_their_place_in_the_list() -> None:
    one = "async for event in self.sub_agents[{}].run_async(context):\n    yield event\n"
    assert edges(listed(one.format(1) + one.format(0))) == {(6, 5, "data")}


def test_of_sub_agents_that_are_looked_up_one_goes_on() -> None:
    body = run("sort") + "kind = context.session.state['kind']\n"
    body += "agent = next((one for one in self.sub_agents if one.name == kind), None)\n"
    body += "async for event in agent.run_async(context):\n    yield event\n"
    assert edges(listed(body)) == {(4, 5, "data"), (4, 6, "data")}


def test_what_comes_between_two_runs_of_an_agent_hears_the_first_alone() -> None:
    file = course(run("sort") + run("file") + run("reply") + run("sort"))
    assert (5, 6, "data") in edges(file)
    assert {(6, 5, "loop"), (5, 5, "loop"), (6, 6, "loop")}.isdisjoint(edges(file))
    assert {(5, 4, "loop"), (6, 4, "loop")} <= edges(file)


def test_an_agent_that_a_coroutine_makes_is_served() -> None:
    file = compiled(
        """
        import asyncio
        from google.adk.agents import Agent

        async def made():
            return Agent(name="guide", model="m", instruction="You guide.")

        root_agent = asyncio.run(made())
        """
    )
    assert lines(file) == [6]


def test_an_agent_that_a_runner_runs_is_not_served_as_well() -> None:
    runner = "    from google.adk.runners import InMemoryRunner\n"
    runner += "    return InMemoryRunner(agent=root_agent).run(new_message=text)\n"
    source = ADK.replace("ROOT", "plan").replace("CLOSING", "tools=[]")
    assert lines(compiled(source)) == [5]
    run = f"{source}\ndef main(text):\n{runner}"
    assert lines(compiled(run)) == [13]
    app = "from google.adk.apps import App\napp = App(root_agent=root_agent)\n"
    assert lines(compiled(f"{run}\n{app}")) == [13]


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        ("from team import guide as root_agent", [3]),
        ("from team import guide", []),
        ("import team\nfrom google.adk.apps import App\napp = App(root_agent=team.guide)", [3]),
    ],
)
def test_an_agent_is_served_under_a_name_that_a_file_imports_it_as(
    kept: str, found: list[int]
) -> None:
    made = 'from google.adk.agents import Agent\nguide = Agent(name="g", instruction="Guide.")'
    files = package(agent=f"\n{kept}\n", team=f"\n{made}\n")
    assert lines(files["team.py"]) == found


def test_a_runner_of_one_of_several_agents_is_one_call() -> None:
    file = compiled(
        """
        from google.adk.agents import Agent
        from google.adk.runners import InMemoryRunner

        agents = {
            "plan": Agent(name="plan", model="m", instruction="Plan."),
            "write": Agent(name="write", model="m", instruction="Write."),
        }

        def run(name, text):
            return InMemoryRunner(agent=agents[name]).run(new_message=text)
        """
    )
    assert lines(file) == [11]
    assert said(file, 11) == [(None, "text", False)]


def test_members_that_a_later_file_makes_are_not_warned_of() -> None:
    files = package(
        agent="""
        from google.adk.agents import Agent
        from team import guide

        lead = Agent(name="lead", model="m", instruction="Lead.", sub_agents=[guide])

        class Office:
            def __init__(self):
                self.lead = lead

            def work(self, text):
                return self.lead.run(text)
        """,
        team="""
        from google.adk.agents import Agent

        guide = Agent(name="guide", model="m", instruction="Guide.")
        """,
    )
    assert lines(files["team.py"]) == [4]
    assert files["agent.py"].errors == ()


@pytest.mark.parametrize("tool", ["shorten", "FunctionTool(func=shorten)", "FunctionTool(shorten)"])
def test_a_function_that_is_a_tool_of_an_agent_asks_for_it(tool: str) -> None:
    file = compiled(
        f"""
        from google import genai
        from google.adk.agents import Agent
        from google.adk.tools import FunctionTool

        client = genai.Client()

        def shorten(text):
            asked = f"Shorten this text: {{text}}"
            return client.models.generate_content(model="m", contents=asked).text

        root_agent = Agent(name="one", model="m", instruction="Be brief.", tools=[{tool}])
        """
    )
    assert edges(file) == {(12, 10, "data"), (10, 12, "loop"), (12, 12, "loop")}


def test_what_a_callback_asks_after_a_model_has_answered_is_given_the_answer() -> None:
    file = compiled(
        """
        from google import genai
        from google.adk.agents import LlmAgent

        client = genai.Client()

        def check(callback_context, llm_response):
            said = ""
            for part in llm_response.content.parts:
                said += part.text
            asked = f"Is this kind? {said}"
            return client.models.generate_content(model="m", contents=asked).text

        root_agent = LlmAgent(name="a", model="m", instruction="Talk.", after_model_callback=check)
        """
    )
    assert edges(file) == {(14, 12, "data")}
