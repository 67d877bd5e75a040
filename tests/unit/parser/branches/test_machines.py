"""Loops whose turns each take what a table holds for a state."""

import pytest

from tests.unit.parser.compiled import flows

HANDLERS = """
from dataclasses import dataclass, field

@dataclass
class Session:
    state: str
    steps: str = ""
    notes: dict = field(default_factory=dict)

handlers = {}

def handles(state):
    def keep(kind):
        handlers[state] = kind()
        return kind
    return keep

class Base:
    def work(self, session: Session):
        raise NotImplementedError

@handles("plan")
class Plan(Base):
    def work(self, session: Session):
        self.plan(session)

    def plan(self, session: Session):
        session.steps = ask("Plan an article in a few steps, a line for each.")
        session.state = "write"

@handles("write")
class Write(Base):
    def work(self, session: Session):
        self.write(session)

    def write(self, session: Session):
        session.notes["text"] = ask(f"Write an article in these steps: {session.steps}")
        session.state = "check"

@handles("check")
class Check(Base):
    def work(self, session: Session):
        self.check(session)

    def check(self, session: Session):
        verdict = ask(f"Check this article for mistakes: {session.notes['text']}")
        session.state = "end" if "fine" in verdict else "write"

MORE

def run(session: Session):
    while session.state != "end":
        TAKEN

START
"""

BY_NAME = "handler = handlers.get(session.state)\n        handler.work(session)"


@pytest.mark.parametrize(
    "taken", [BY_NAME, "handler = handlers[session.state]\n        handler.work(session)"]
)
@pytest.mark.parametrize("start", ["", "run(Session(state='plan'))", "run(Session(state=input()))"])
def test_what_a_handler_takes_up_of_another_ones_answers_reaches_it_in_a_later_turn(
    taken: str, start: str
) -> None:
    source = HANDLERS.replace("TAKEN", taken).replace("START", start).replace("MORE", "")
    assert flows(source) == {"plan > write, later", "write > check, later"}


def test_of_many_handlers_those_that_ask_a_model_are_followed() -> None:
    waiting = "\n".join(
        f"@handles('{number}')\nclass Wait{number}(Base):\n"
        f"    def work(self, session: Session):\n        session.state = 'plan'\n"
        for number in range(8)
    )
    body = HANDLERS.replace("MORE", "").replace("START", "").replace("TAKEN", BY_NAME)
    before, after = body.split('@handles("plan")')
    source = f'{before}\n{waiting}\n@handles("plan"){after}'
    assert flows(source) == {"plan > write, later", "write > check, later"}
