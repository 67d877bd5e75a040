"""Parts of the supervisor that need no server."""

import subprocess
import sys

from charter_engine.embedded import probing, supervisor
from charter_engine.embedded.ports import free_ports
from charter_engine.embedded.stubs import child_numbers


def test_ports_are_filled_in_and_other_braces_are_left() -> None:
    ports = {"http": 1, "grpc": 2, "metrics": 3}
    assert supervisor.command_line(["--a={http}", "/odd{dir}/x", "{metrics}-{grpc}"], ports) == [
        "--a=1",
        "/odd{dir}/x",
        "3-2",
    ]


def test_nobody_listening_is_not_ready() -> None:
    assert not probing.is_ready(free_ports(1)[0])


def test_children_of_a_process_are_seen_until_they_end() -> None:
    code = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '60']); print(flush=True);"
        "sys.stdin.readline(); child.kill(); child.wait(); print(flush=True); sys.stdin.readline()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None and parent.stdin is not None
        parent.stdout.readline()
        assert child_numbers(parent.pid)
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        parent.stdout.readline()
        assert not child_numbers(parent.pid)
        parent.kill()
    assert not child_numbers(parent.pid)
