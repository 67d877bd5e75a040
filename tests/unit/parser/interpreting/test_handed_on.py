"""Functions with bound arguments, in lists and tables, and by the names they have as texts."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, flows


@pytest.mark.parametrize(
    "bound",
    [
        "partial(review, draft, style=style)",
        "partial(partial(review, style=style), draft)",
        "functools.partial(review, style=style, draft=draft)",
    ],
)
def test_a_function_with_bound_arguments_has_them_when_it_is_called(bound: str) -> None:
    assert flows(f"""
        import functools
        from functools import partial

        def review(draft, style):
            print(ask(f"Review {{draft}} in {{style}}"))

        def write():
            return ask("Draft an article")

        def choose():
            return ask("Name a style")

        def main():
            draft, style = write(), choose()
            job = {bound}
            job()

        main()
        """) == {"write > review", "choose > review"}


def test_an_argument_of_the_call_comes_before_one_that_is_bound_by_name() -> None:
    assert (
        flows("""
        from functools import partial

        def review(draft):
            print(ask(f"Review {draft} well"))

        def write():
            return ask("Draft an article")

        job = partial(review, draft=write())
        job(draft="a text")
        """)
        == set()
    )


STEPS = """
def expand(text):
    return ask(f"Expand {{text}}, and keep its tone.")

def shorten(text):
    return ask(f"Shorten {{text}}, and keep its tone.")

STEPS = {steps}

def main(text):
    for {target} in STEPS:
        text = step(text)
    print(text)

main(open("in.txt").read())
"""


@pytest.mark.parametrize(
    ("steps", "target"),
    [
        ("[expand, shorten]", "step"),
        ("(('first', expand), ('second', shorten))", "name, step"),
        ("[expand, lambda text: shorten(text)]", "step"),
    ],
)
def test_functions_of_a_list_run_one_after_the_other(steps: str, target: str) -> None:
    assert flows(STEPS.format(steps=steps, target=target)) == {"expand > shorten"}


def test_attributes_are_stored_and_read_by_names_that_are_texts() -> None:
    assert flows("""
        class Report:
            pass

        def intro(report):
            setattr(report, "intro", ask("Write an introduction"))

        def body(report):
            report.body = ask(f"Go on from {getattr(report, 'intro')} please")

        def title(report):
            print(ask(f"A title for {getattr(report, 'body', '')} please"))

        report = Report()
        intro(report)
        body(report)
        title(report)
        """) == {"intro > body", "body > title"}


def test_a_loop_over_names_stores_an_attribute_of_each() -> None:
    assert flows("""
        class Report:
            def fill(self):
                for part in ("intro", "body"):
                    setattr(self, part, ask(f"Write the {part} of it"))

            def close(self):
                print(ask(f"Join {self.intro} and close"))

        report = Report()
        report.fill()
        report.close()
        """) == {"fill > close"}


def test_another_attribute_holds_nothing_of_it() -> None:
    assert (
        flows("""
        class Report:
            pass

        def intro(report):
            setattr(report, "intro", ask("Write an introduction"))

        def title(report):
            print(ask(f"A title for {getattr(report, 'body', '')} please"))

        report = Report()
        intro(report)
        title(report)
        """)
        == set()
    )


def test_methods_are_called_by_what_their_names_begin_with() -> None:
    assert flows("""
        class Bot:
            def on_question(self, text):
                return {"answer": ask(f"Answer {text} in one sentence")}

            def on_order(self, text):
                return {"answer": ask(f"Confirm {text} in one sentence")}

            def greet(self, text):
                return {"answer": ask(f"Greet back: {text} in one sentence")}

            def run(self, kind, text):
                found = getattr(self, f"on_{kind}")(text)
                print(ask(f"Translate {found['answer']} please"))

        def main():
            Bot().run(input(), input())
        """) == {"on_question > run", "on_order > run"}


def test_a_name_of_the_function_around_keeps_what_an_inner_one_stores() -> None:
    assert flows("""
        def main(text):
            summary = ""

            def update(part):
                nonlocal summary
                summary = ask(f"So far: {summary}. Add {part}.")

            for part in text.split():
                update(part)
            print(ask(f"A title for {summary} please"))

        main(input())
        """) == {"update > update, later", "update > main"}


def test_an_inner_function_finds_what_its_call_before_stored() -> None:
    assert flows("""
        def make():
            last = ""

            def step(part):
                nonlocal last
                last = ask(f"Before: {last}. Go on with {part}.")
                print(last)

            return step

        def main():
            step = make()
            while True:
                step(input())

        main()
        """) == {"step > step, later"}


def test_a_name_of_the_inner_functions_own_stays_there() -> None:
    assert (
        flows("""
        def main():
            summary = ""

            def update():
                summary = ask("Summarise the day")
                print(summary)

            update()
            print(ask(f"A title for {summary} please"))

        main()
        """)
        == set()
    )


@pytest.mark.parametrize(
    "asked",
    [
        'retry(lambda: ask(f"Plan {text} well"))',
        'with_backoff(lambda topic: ask(f"Plan {topic} well"), text)',
        "run_safely(plan)",
        "call_with_timeout(plan, 30)",
    ],
)
def test_what_calls_a_function_it_is_given_hands_on_what_that_returns(asked: str) -> None:
    found = flows(f"""
        from helpers import retry, with_backoff, run_safely, call_with_timeout

        def main(text):
            def plan(limit=0):
                return ask(f"Plan {{text}} well")

            planned = {asked}
            print(ask(f"Do {{planned}} now"))
        """)
    assert {edge.rpartition(" > ")[2] for edge in found} == {"main"}
    assert len(found) == 1


@pytest.mark.parametrize(
    "given", ["steps, start_to_close_timeout=9", "args=[steps], start_to_close_timeout=9"]
)
def test_an_activity_that_a_workflow_runs_is_given_what_is_said(given: str) -> None:
    found = flows(f"""
        from temporalio import activity, workflow

        @activity.defn
        async def write(text: str) -> str:
            return ask(f"Look at this and write what is in it: {{text}}. Be brief, and be just.")

        @workflow.defn
        class Work:
            @workflow.run
            async def run(self, topic: str) -> str:
                steps = ask("Plan it")
                return await workflow.execute_activity(write, {given})
        """)
    assert found == {"run > write"}


@pytest.mark.parametrize("name", ["", '(name="writing")'])
def test_an_activity_may_be_run_by_its_name(name: str) -> None:
    given = name.partition('"')[2].rstrip('")') or "write"
    found = flows(f"""
        from temporalio import activity, workflow

        @activity.defn{name}
        async def write(text: str) -> str:
            return ask(f"Look at this and write what is in it: {{text}}. Be brief, and be just.")

        @workflow.defn
        class Work:
            @workflow.run
            async def run(self, topic: str) -> str:
                text = topic
                for _ in range(3):
                    text = await workflow.execute_activity("{given}", text)
                return text
        """)
    assert found == {"write > write, later"}


@pytest.mark.parametrize(
    "run", ["write.delay(plan)", "write.apply_async(args=[plan])", "write.apply_async((plan,))"]
)
def test_a_task_of_a_queue_is_given_what_its_caller_says(run: str) -> None:
    found = flows(f"""
        from celery import Celery

        app = Celery("work")

        @app.task
        def write(text):
            return ask(f"Look at this and write what is in it: {{text}}. Be brief, and be just.")

        def main():
            plan = ask("Plan it")
            text = {run}.get()
            ask(f"Judge {{text}}")
        """)
    assert found == {"main > write", "write > main"}


def test_a_function_that_is_only_kept_says_nothing_to_who_goes_on() -> None:
    assert (
        flows("""
        from helpers import register

        def plan():
            return ask("Plan the day")

        def main():
            kept = register(plan)
            print(ask(f"Do {kept} now"))
        """)
        == set()
    )


@pytest.mark.parametrize(
    "kept",
    [
        'Button("ask", on_click=lambda event: print(ask(f"Answer {event} kindly")))',
        'TABLE = {"ask": lambda event: print(ask(f"Answer {event} kindly"))}',
    ],
)
def test_a_lambda_that_something_else_calls_makes_its_call(kept: str) -> None:
    source = "from widgets import Button\n" + kept
    file = compiled(ASK + source)
    assert [call.line for call in file.calls if call.function == "lambda"] == [10]


@pytest.mark.parametrize(
    ("register", "decorator"),
    [
        ("def keep(function):\n    TABLE[function.__name__] = function", "@keep"),
        (
            "def keep(name):\n    return lambda function: TABLE.update({name: function})",
            "@keep('x')",
        ),
        (
            "class Registry:\n    def keep(self, function):\n        TABLE['x'] = function\n"
            "registry = Registry()",
            "@registry.keep",
        ),
    ],
)
def test_a_decorator_keeps_the_function_in_a_table(register: str, decorator: str) -> None:
    assert flows(f"""
TABLE = {{}}
{register}

{decorator}
def plan(topic):
    return {{"said": ask(f"Plan {{topic}} in short")}}

def main(name):
    found = TABLE[name](input())
    print(ask(f"Sum up {{found['said']}} please"))
""") == {"plan > main"}


@pytest.mark.parametrize("called", ["TABLE[name](board).act()", "member.act()"])
def test_a_decorator_keeps_the_class_in_a_table(called: str) -> None:
    looped = "for name in TABLE:" if "TABLE" in called else "for member in members:"
    assert flows(f"""
TABLE = {{}}

def keep(name):
    def kept(made):
        TABLE[name] = made
        return made
    return kept

@keep("guess")
class Guess:
    def __init__(self, board):
        self.board = board

    def act(self):
        self.board["guess"] = ask(f"Name one cause of {{self.board['problem']}}")

@keep("test")
class Test:
    def __init__(self, board):
        self.board = board

    def act(self):
        self.board["test"] = ask(f"Test this cause: {{self.board['guess']}}")

def main(problem):
    board = {{"problem": problem}}
    members = [made(board) for made in TABLE.values()]
    {looped}
        {called}
""") == {"act > act"}


def test_a_decorator_that_keeps_nothing_leaves_the_function_as_it_is() -> None:
    assert (
        flows("""
        TABLE = {}

        def logged(function):
            print(function)
            return function

        @logged
        def plan(topic):
            return {"said": ask(f"Plan {topic} in short")}

        def main(name):
            found = TABLE[name](input())
            print(ask(f"Sum up {found['said']} please"))
        """)
        == set()
    )


def test_arguments_that_a_model_wrote_reach_the_parameters_of_a_tool() -> None:
    assert flows("""
        import json

        def summarize(page):
            return ask(f"Sum this page up in three sentences: {page}")

        TOOLS = {"summarize": summarize}

        def main(question):
            wanted = ask(f"Which tool does this need? {question}")
            print(TOOLS["summarize"](**json.loads(wanted)))
        """) == {"main > summarize"}


def test_arguments_reach_a_tool_that_stand_beside_fields_of_the_program() -> None:
    assert flows("""
        import json

        def tell(topic):
            return ask(f"Tell a tale of {topic}.")

        def main(text):
            wanted = json.loads(ask(f"Choose what to tell of. {text}"))
            wanted["text"] = text
            given = wanted.get("given", {})
            print(tell(**given))
        """) == {"main > tell"}


@pytest.mark.parametrize("take", ["STEPS[step]()", "STEPS.get(step)()"])
def test_a_loop_takes_one_function_of_a_table_after_another(take: str) -> None:
    found = flows(f"""
        NOTES = {{}}

        def plan():
            NOTES["plan"] = ask("Plan it")
            return "write"

        def write():
            NOTES["text"] = ask(f"Write {{NOTES['plan']}}, mind {{NOTES.get('verdict')}}")
            return "judge"

        def judge():
            NOTES["verdict"] = ask(f"Judge {{NOTES['text']}}")
            return "end" if "fine" in NOTES["verdict"] else "write"

        STEPS = {{"plan": plan, "write": write, "judge": judge}}

        def main():
            step = "plan"
            while step != "end":
                step = {take}

        main()
        """)
    assert found == {"plan > write", "write > judge", "judge > write, later"}


BUS = """
from collections import defaultdict
from dataclasses import dataclass

@dataclass
class Idea:
    text: str

@dataclass
class Draft:
    idea: Idea
    text: str

class Bus:
    def __init__(self):
        self.handlers = MADE

    def subscribe(self, topic, handler):
        KEEP

    def publish(self, topic, message):
        CALL

def on_topic(topic):
    bus.publish("idea", Idea(ask(f"Give an idea about {topic}")))

def on_idea(idea):
    bus.publish("draft", Draft(idea, ask(f"Draft the idea {idea.text}")))

def on_draft(draft):
    print(ask(f"Review {draft.text} by the idea {draft.idea.text}"))

bus = Bus()
bus.subscribe("topic", on_topic)
bus.subscribe("idea", on_idea)
bus.subscribe("draft", on_draft)
bus.publish("topic", "snow")
"""


@pytest.mark.parametrize(
    ("made", "keep", "call"),
    [
        (
            "{}",
            "self.handlers[topic] = handler",
            "self.handlers[topic](message)",
        ),
        (
            "{}",
            "self.handlers.setdefault(topic, []).append(handler)",
            "[handler(message) for handler in self.handlers.get(topic, [])]",
        ),
        (
            "defaultdict(list)",
            "self.handlers[topic].append(handler)",
            "[handler(message) for handler in self.handlers[topic]]",
        ),
    ],
)
def test_a_message_reaches_the_handlers_of_its_topic_alone(made: str, keep: str, call: str) -> None:
    bus = BUS.replace("MADE", made).replace("KEEP", keep).replace("CALL", call)
    assert flows(bus) == {
        "on_topic > on_idea",
        "on_topic > on_draft",
        "on_idea > on_draft",
    }


HANDED = """
def with_retry(fn, prompt):
    for attempt in range(3):
        try:
            return fn(prompt)
        except TimeoutError:
            continue

def falling_back(first, second):
    def asked(prompt):
        try:
            return first(prompt)
        except TimeoutError:
            return second(prompt)
    return asked

def shorter(text):
    return text[:100]

both = falling_back(ask, ask)

def draft():
    return with_retry(ask, "An idea")

def work():
    return MADE

print(work())
"""


@pytest.mark.parametrize("made", ["with_retry(ask, f'Rate {draft()}')", "both(f'Rate {draft()}')"])
def test_who_is_handed_the_function_that_asks_is_a_wrapper(made: str) -> None:
    file = compiled(ASK + HANDED.replace("MADE", made))
    assert {call.function for call in file.calls if call.kind == "wrapper"} >= {"draft", "work"}
    assert flows(HANDED.replace("MADE", made)) == {"draft > work"}


def test_who_is_handed_something_else_asks_nothing() -> None:
    file = compiled(ASK + HANDED.replace("MADE", "with_retry(shorter, draft())"))
    assert "work" not in {call.function for call in file.calls}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ('operation=lambda: ask(f"Write of {topic}"), attempts=3', True),
        ('"write", task=lambda: ask(f"Write of {topic}")', True),
        ('operation=topic, on_error=lambda: ask(f"Write of {topic}")', False),
    ],
)
def test_what_is_run_by_name_is_answered(given: str, found: bool) -> None:
    source = f"""
from tools import call_with_retry

def work(topic):
    draft = call_with_retry({given})
    return ask(f"Judge {{draft}}")
"""
    assert flows(source) == ({"lambda > work"} if found else set())


@pytest.mark.parametrize(
    "asked",
    [
        'getattr(client.chat, "completions").create(model="m", messages=messages)',
        'getattr(client, "chat").completions.create(model="m", messages=messages)',
        'asyncio.to_thread(getattr(client, "chat").completions.create, model="m", '
        "messages=messages)",
    ],
)
def test_a_client_is_asked_through_what_is_looked_up_in_it_by_a_text(asked: str) -> None:
    file = compiled(f"""
        import asyncio

        from openai import OpenAI

        client = OpenAI()

        async def answer(text):
            messages = [{{"role": "user", "content": "Answer briefly: " + text}}]
            reply = {asked}
            return reply
        """)
    assert [call.line for call in file.calls] == [10]
