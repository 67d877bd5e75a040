"""What is tied to a process ends with it, however it ends."""

import signal
import subprocess
import sys
import time

import psutil

ENDS_WITHIN_SECONDS = 60.0
DEAF = "trap '' TERM HUP INT; sleep 600 & echo $! $$; wait"
"""A program that heeds no signal which can be refused, with a process of its own."""
STARTER = f"""
import os, subprocess, sys
from charter_engine.embedded.lifeline import Lifeline

def prepare():
    if sys.argv[1] == "is killed first":
        os.kill(os.getppid(), 9)
    lifeline.tie()

lifeline = Lifeline()
program = subprocess.Popen(
    ["sh", "-c", {DEAF!r}],
    pass_fds=(lifeline.reader,), start_new_session=True, preexec_fn=prepare,
)
if sys.argv[1] == "cuts":
    input()
    lifeline.cut()
program.wait()
"""


def start(what: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STARTER, what]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def program_of(starter: subprocess.Popen[str]) -> list[psutil.Process]:
    """The program and what it started, once both are there."""
    assert starter.stdout is not None
    return [psutil.Process(int(number)) for number in starter.stdout.readline().split()]


def end(processes: list[psutil.Process]) -> bool:
    deadline = time.monotonic() + ENDS_WITHIN_SECONDS
    while any(item.is_running() and item.status() != "zombie" for item in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_a_program_and_what_it_started_end_with_a_killed_starter() -> None:
    starter = start("stays")
    tied = program_of(starter)
    starter.kill()
    assert end(tied)


def test_a_cut_lifeline_ends_the_program_and_what_it_started() -> None:
    starter = start("cuts")
    tied = program_of(starter)
    starter.communicate("\n")
    assert starter.returncode == 0
    assert end(tied)


def test_a_program_whose_starter_is_killed_before_it_begins_ends_too() -> None:
    starter = start("is killed first")
    starter.communicate(timeout=ENDS_WITHIN_SECONDS)  # until nobody has its output open
    assert starter.returncode == -signal.SIGKILL
