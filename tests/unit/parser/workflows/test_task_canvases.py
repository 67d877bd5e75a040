"""Canvases of Celery's: tasks that run one after the other or side by side."""

import pytest

from tests.unit.parser.compiled import ASK, compiled, flows

TASKS = """
from celery import Celery, chain, chord, group

app = Celery("work")

@app.task(bind=True)
def read(self, text):
    return ask(f"Look at this and say what is in it: {text}. Be brief, and be just.")

@app.task
def find(text):
    return ask(f"Find what has to be done in here: {text}. Be brief, and be just.")

@app.task
def tell(text, title):
    return ask(f"Tell {title} about this, whatever it is: {text}. Be brief, and be just.")

def main(text, texts):
    RUN
"""


@pytest.mark.parametrize(
    "run",
    [
        "chain(read.s(text), find.s(), tell.s('Ann')).apply_async()",
        "(read.s(text) | find.s() | tell.s('Ann')).delay()",
        "chain(read.s(text), find.s().set(queue='slow'), tell.s('Ann'))()",
    ],
)
def test_each_task_of_a_chain_is_given_what_the_one_before_returned(run: str) -> None:
    assert flows(TASKS.replace("RUN", run)) == {"read > find", "find > tell"}


@pytest.mark.parametrize(
    "run",
    [
        "chord([read.s(text), find.s(text)])(tell.s('Ann'))",
        "chord(group(read.s(text), find.s(text)), tell.s('Ann')).apply_async()",
        "(group(read.s(text), find.s(text)) | tell.s('Ann')).apply_async()",
    ],
)
def test_what_comes_behind_a_group_is_given_what_all_of_it_returned(run: str) -> None:
    assert flows(TASKS.replace("RUN", run)) == {"read > tell", "find > tell"}


@pytest.mark.parametrize(
    ("run", "beside"),
    [
        ("group([read.s(one) for one in texts]).apply_async()", {"read": "gather"}),
        ("chord(read.s(one) for one in texts)(tell.s('Ann'))", {"read": "gather", "tell": None}),
        ("chain(read.s(text), find.s()).apply_async()", {"read": None, "find": None}),
    ],
)
def test_tasks_of_a_group_run_side_by_side(run: str, beside: dict[str, str | None]) -> None:
    file = compiled(ASK + TASKS.replace("RUN", run))
    found = {call.function: call.fanout for call in file.calls}
    assert {name: found[name] for name in beside} == beside


def test_an_immutable_task_is_given_nothing_of_what_was_run_before() -> None:
    run = "chain(read.s(text), find.si(text), tell.s('Ann')).apply_async()"
    assert flows(TASKS.replace("RUN", run)) == {"find > tell"}


@pytest.mark.parametrize("run", ["read.delay(plan)", "read.apply_async([plan])", "read.s(plan)()"])
def test_a_task_that_is_given_itself_is_told_what_its_caller_says(run: str) -> None:
    assert flows(TASKS.replace("RUN", f"plan = ask('Plan it')\n    {run}")) == {"main > read"}


def test_a_task_of_a_chain_says_what_it_says_where_it_is_called_by_itself() -> None:
    file = compiled(
        ASK
        + """
from celery import Celery, chain

app = Celery("work")

@app.task
def load(path):
    return open(path).read()

@app.task
def tell(text):
    return ask(f"Tell: {text}")

def main(path):
    chain(load.s(path), tell.s()).delay()
"""
    )
    call = next(one for one in file.calls if one.function == "main")
    assert [part.text or part.name for part in call.segments] == ["Tell: ", "text"]
