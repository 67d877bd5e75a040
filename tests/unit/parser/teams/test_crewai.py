"""CrewAI: a project's files, the manager of a hierarchical crew, tasks in their order."""

import pytest

from charter_engine.analysis.compile import CompileOptions, compile_sources
from charter_engine.contracts.graph import CompiledFile
from tests.unit.parser.compiled import ASK, compiled, edges, package
from tests.unit.parser.teams.speaking import said, turning

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
    assert [call.fanout for call in file.calls] == ["fork", None, "fork"]


def test_a_crew_that_is_handed_on_to_be_run_is_its_tasks() -> None:
    file = compiled(
        """
        import asyncio
        from crewai import Agent, Crew, Task

        async def main(topic):
            writer = Agent(role="Writer", goal="Write.", backstory="Precise.")
            find = Task(description=f"Find all about {topic}", agent=writer)
            write = Task(description="Write it down", agent=writer)
            crew = Crew(agents=[writer], tasks=[find, write])
            return await asyncio.wait_for(asyncio.to_thread(crew.kickoff), 600)
        """
    )
    assert edges(file) == {(10, 8, "data")}
    assert [call.fanout for call in file.calls] == [None, None]


def test_tasks_of_which_only_one_is_made_do_not_hear_each_other() -> None:
    file = compiled(
        """
        from crewai import Agent, Crew, Task

        def main(agent: Agent, model):
            if agent.tools:
                task = Task(description="Find it with the tools", agent=agent)
            else:
                task = Task(description="Tell it from memory", agent=agent)
            check = Task(description="Check the answer", agent=agent)
            return Crew(agents=[agent], tasks=[task, check]).kickoff()
        """
    )
    assert edges(file) == {(10, 9, "data"), (8, 9, "data")}


def test_the_first_task_of_a_crew_is_told_where_the_file_that_it_stands_in_comes_later() -> None:
    files = package(
        main="""
        from crewai import Crew
        from people import scout
        from work import look

        crew = Crew(agents=[scout], tasks=[look])
        crew.kickoff(inputs={"town": "Ulm"})
        """,
        people="""
        from crewai import Agent

        scout = Agent(role="Scout", goal="Find all.", backstory="Old.")
        """,
        work="""
        from crewai import Task
        from people import scout

        look = Task(description="Look at {town}.", agent=scout)
        """,
    )
    segments = [segment.text for segment in files["main.py"].calls[0].segments]
    assert segments == ["Scout", "Old.", "Find all.", "Look at Ulm."]


LOOPED = """
from crewai import Agent, Crew, Task

worker = Agent(role="Worker", goal="g", backstory="b")

def work(steps):
    BODY
"""


@pytest.mark.parametrize(
    ("body", "heard"),
    [
        ("tasks = [Task(description=s, agent=worker) for s in steps]\n    RUN", {(8, 8, "loop")}),
        (
            "for s in steps:\n        tasks = [Task(description=s, agent=worker)]\n        RUN",
            set(),
        ),
    ],
)
def test_tasks_that_a_loop_makes_hear_those_before_if_they_are_of_one_crew(
    body: str, heard: set[tuple[int, int, str]]
) -> None:
    body = body.replace("RUN", "Crew(agents=[worker], tasks=tasks).kickoff()")
    assert edges(compiled(LOOPED.replace("BODY", body))) == heard


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("@tool('look')\ndef look(question: str):", "look"),
        ("class Look(BaseTool):\n  def _run(self, question: str):", "Look()"),
    ],
)
def test_a_crew_that_a_tool_runs_is_asked_by_the_agent_of_the_task(tool: str, name: str) -> None:
    file = compiled(f"""
from crewai import Agent, Crew, Task
from crewai.tools import BaseTool, tool

{tool}
    expert = Agent(role="Expert", goal="g", backstory="b")
    job = Task(description="Answer " + question, agent=expert)
    return Crew(agents=[expert], tasks=[job]).kickoff().raw

lead = Agent(role="Lead", goal="g", backstory="b", tools=[{name}])
find = Task(description="Find it", agent=lead)
Crew(agents=[lead], tasks=[find]).kickoff()
""")
    asked, run = (call.line for call in file.calls)
    assert edges(file) == {(run, asked, "data"), (asked, run, "loop"), (run, run, "loop")}


def test_a_tool_of_the_agent_that_does_a_task_is_asked_by_it() -> None:
    file = compiled(
        ASK
        + """
from crewai import Agent, Crew, Task
from crewai.tools import BaseTool

class Ask(BaseTool):
    def _run(self, question):
        return ask(f"Answer {question}")

agent = Agent(role="r", goal="g", backstory="b", tools=[Ask()])
task = Task(description="d", agent=agent)
Crew(agents=[agent], tasks=[task]).kickoff()
"""
    )
    assert {edge for edge in edges(file) if edge[0] != edge[1]} == {
        (19, 15, "data"),
        (15, 19, "loop"),
    }


@pytest.mark.parametrize(
    ("given", "told_back"),
    [("guardrail", {(8, 12, "loop"), (12, 12, "loop")}), ("callback", set())],
)
def test_what_a_guard_says_against_an_answer_is_told_to_who_answers_anew(
    given: str, told_back: set[tuple[int, int, str]]
) -> None:
    file = compiled(
        f"""
        from crewai import LLM, Agent, Crew, Task

        llm = LLM(model="m")
        agent = Agent(role="r", goal="g", backstory="b")

        def check(output):
            verdict = llm.call(f"Judge: {{output.raw}}")
            return verdict == "OK", verdict

        task = Task(description="Write on {{topic}}", agent=agent, {given}=check)
        result = Crew(agents=[agent], tasks=[task]).kickoff()
        """
    )
    assert edges(file) == {(12, 8, "data")} | told_back


@pytest.mark.parametrize(
    ("run", "found"),
    [
        ('team.first_crew().kickoff(inputs={"topic": topic})', True),
        ('NewsCrew().kickoff(inputs={"topic": topic})', True),
        ('await make_news_crew().kickoff_async(inputs={"topic": topic})', True),
        ('NewsFlow().kickoff(inputs={"topic": topic})', False),
        ('meeting.kickoff(inputs={"topic": topic})', False),
        ("team.first_crew().start(topic)", False),
    ],
)
def test_a_crew_made_elsewhere_is_known_by_its_name(run: str, found: bool) -> None:
    source = f"""
from teams import NewsCrew, NewsFlow, make_news_crew, meeting, team

async def work(topic):
    return {run}
"""
    assert [call.line for call in compiled(source).calls] == [5] * found
