"""Two consoles at one engine: each knows of the other, and nothing ends without a word."""

import time
from pathlib import Path

import psutil
import pytest

from tests.tui.terminal import Terminal, terminal

AGENT = """
from openai import OpenAI
client = OpenAI()
def answer(question):
    return client.responses.create(model="m", input="Answer: " + question)
"""


@pytest.fixture
def agents(tmp_path: Path) -> tuple[str, str]:
    paths = tmp_path / "first.py", tmp_path / "second.py"
    for path in paths:
        path.write_text(AGENT)
    return str(paths[0]), str(paths[1])


def engine_of(console: Terminal) -> psutil.Process:
    (engine,) = psutil.Process(console.process.pid).children()
    return engine


def until_gone(engine: psutil.Process) -> None:
    deadline = time.monotonic() + 30
    while engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the engine goes on"
        time.sleep(0.05)


def test_leaving_names_who_else_watches_and_can_leave_the_engine_to_them(
    tmp_path: Path, agents: tuple[str, str]
) -> None:
    with terminal(tmp_path, agents[0]) as owner:
        owner.until("answer")
        with terminal(tmp_path, agents[0]) as other:
            other.until("attached")
            owner.until("1 other console")
            engine = engine_of(owner)
            owner.press("q")
            owner.until("Another console watches it")
            owner.until(f"process {other.process.pid}")
            owner.press("\t\t\r")
            owner.settle()
            assert owner.process.wait(60) == 0
            other.until("this console's now")
            assert engine.is_running()
            other.press("q")
            other.settle()
        until_gone(engine)


def test_who_is_left_behind_is_told_and_may_start_an_engine_of_its_own(
    tmp_path: Path, agents: tuple[str, str]
) -> None:
    with terminal(tmp_path, agents[0]) as owner:
        owner.until("answer")
        with terminal(tmp_path, agents[0]) as other:
            other.until("attached")
            owner.until("1 other console")
            owner.press("q")
            owner.until("Another console watches it")
            owner.press("y")
            other.until(f"process {owner.process.pid} left and stopped it")
            other.until("Start one of your own?")
            other.press("y")
            deadline = time.monotonic() + 30
            while not psutil.Process(other.process.pid).children():
                other.read(0.1)
                assert time.monotonic() < deadline
            assert agents[0] in engine_of(other).cmdline()
