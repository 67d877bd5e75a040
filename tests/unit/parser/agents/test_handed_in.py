"""Functions that run agents and tasks which their callers give them."""

from tests.unit.parser.compiled import compiled, edges, lines
from tests.unit.parser.teams.speaking import said

RUN = """
from crewai import Agent, Crew, Task

def run_task(agent, context):
    task = Task(description="CONTEXT:\\n" + context, expected_output="Text.", agent=agent)
    return Crew(agents=[agent], tasks=[task]).kickoff().raw

def planner():
    return Agent(role="Planner", goal="Plan the trip", backstory="You plan trips.")

def writer():
    return Agent(role="Writer", goal="Write the guide", backstory="You write guides.")

def main(city):
    plan = run_task(planner(), "City: " + city)
    return run_task(agent=writer(), context="By the plan: " + plan)
"""


def test_what_runs_a_crew_of_the_agent_that_it_is_given_is_a_wrapper() -> None:
    file = compiled(RUN)
    kinds = [(call.line, call.kind) for call in file.calls]
    assert kinds == [(6, "sdk"), (15, "wrapper"), (16, "wrapper")]
    assert edges(file) == {(15, 16, "data")}


def test_nobody_is_said_to_be_missing_where_its_calls_give_the_agents() -> None:
    assert compiled(RUN).errors == ()
    assert len(compiled(RUN.partition("def planner")[0]).errors) == 1


def test_its_call_is_told_what_its_agent_and_its_task_say() -> None:
    assert [text for _, text, _ in said(compiled(RUN), 15)] == [
        "Planner",
        "You plan trips.",
        "Plan the trip",
        "CONTEXT:\nCity: ",
        "city",
        "Text.",
    ]


def test_with_an_agent_of_its_own_it_is_a_step() -> None:
    assert lines(compiled(RUN.replace("(agent, context)", "(context, agent=planner())"))) == [6]


def test_with_words_of_its_own_for_the_task_it_is_a_step() -> None:
    asking = "Plan every day of a trip to this town, with two sights and a walk at least: "
    assert lines(compiled(RUN.replace("CONTEXT:\\n", asking * 2))) == [6]
    assert lines(compiled(RUN.replace("run_task", "plan"))) == [6]


def test_a_crew_of_the_tasks_that_it_is_given_says_these() -> None:
    file = compiled(
        """
        from crewai import Agent, Crew, Task

        def run_crew(agents, tasks):
            return Crew(agents=agents, tasks=tasks).kickoff()

        planner = Agent(role="Planner", goal="Plan", backstory="You plan trips.")
        writer = Agent(role="Writer", goal="Write", backstory="You write guides.")

        def main():
            plan = run_crew([planner], [Task(description="Plan a trip.", agent=planner)])
            return run_crew([writer], [Task(description=f"Write by {plan}.", agent=writer)])
        """
    )
    assert lines(file) == [5, 11, 12]
    assert [text for _, text, _ in said(file, 12)] == [
        "Writer",
        "You write guides.",
        "Write",
        "Write by ",
        "plan",
        ".",
    ]
    assert edges(file) == {(11, 12, "data")}


TOOL = """
from crewai import Agent, Crew, Task, tool
from openai import OpenAI

@tool("Check")
def check(text):
    asked = f"Name every mistake of this text, with its line, and say how to mend it: {text}"
    return OpenAI().responses.create(model="m", input=asked).output_text

def run_task(agent, context):
    if agent.tools:
        task = Task(description=context, expected_output="Text.", agent=agent, output_json=dict)
    else:
        task = Task(description=context, expected_output="Text.", agent=agent)
    return Crew(agents=[agent], tasks=[task]).kickoff().raw

writer = Agent(role="Writer", goal="Write", backstory="You write guides.", tools=[check])

def main(city):
    return run_task(writer, city)
"""


def test_the_tools_of_the_agent_that_it_is_given_are_asked_by_its_call() -> None:
    assert edges(compiled(TOOL)) == {(20, 8, "data"), (8, 20, "loop"), (20, 20, "loop")}


def test_one_task_that_a_branch_makes_in_two_ways_is_one_call() -> None:
    assert lines(compiled(TOOL)) == [8, 15, 20]


def test_tasks_that_say_different_things_in_two_branches_are_two() -> None:
    told = TOOL.replace(
        'description=context, expected_output="Text.", agent=agent)',
        'description="Rest.", agent=agent)',
    )
    assert lines(compiled(told)) == [8, 14, 15, 20]


def test_a_model_of_crewai_says_what_it_is_given() -> None:
    file = compiled(
        """
        from crewai import LLM

        def ask(rules, text):
            messages = [{"role": "system", "content": rules}, {"role": "user", "content": text}]
            return LLM(model="m").call(messages)

        def main(city):
            return ask("Plan trips.", city)
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(6, "sdk"), (9, "wrapper")]
    assert said(file, 9) == [("system", "Plan trips.", False), ("user", "city", False)]
