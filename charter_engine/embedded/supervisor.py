"""The supervisor of one embedded Triton: starts it, restarts it, and leaves nothing behind.

Run as a script.

Standard library only, and one thread: a light process starts at once. The chain has no gap:

* the owner dies, however: the supervisor's stdin ends, and it stops Triton;
* Triton dies: the supervisor, as their subreaper, ends its stub processes and starts it anew;
* the supervisor dies: the kernel kills Triton and its stubs (`lifeline`).

It runs as a process of its own (`COMMAND`), whose environment is the server's. What it knows stands
in the spec's `state_file`, replaced as a whole on each change. All files it makes are its user's
alone.
"""

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from charter_engine.embedded import hidden_arguments, probing
from charter_engine.embedded.lifeline import Lifeline
from charter_engine.embedded.ports import free_ports
from charter_engine.embedded.private_files import keep_files_private
from charter_engine.embedded.stubs import Ends, StubWatch, child_numbers, children_of

COMMAND = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from charter_engine.embedded.supervisor import main; sys.exit(main(sys.argv[2]))"
)
"""What Python runs, isolated and without installed packages; the arguments are the directory that
holds `charter_engine`, and the spec."""
PR_SET_CHILD_SUBREAPER = 36
"""Taken from linux/prctl.h."""
PORT_NAMES = ("http", "grpc", "metrics")
PORT_ATTEMPTS = 8
"""Another program has to take a free port within milliseconds for each that fails."""
MAX_CRASHES = 5
"""Assumed: what crashed so often in `CRASH_WINDOW_SECONDS` crashes again."""
CRASH_WINDOW_SECONDS = 60.0
"""Assumed: what has run for longer was well when it started."""
READY_POLL_SECONDS = 0.05
"""Nobody sees a twentieth of a second."""
RETRY_SECONDS = 1.0
"""Triton's next start takes seconds anyway, and none is worth less than one."""
STOP_POLL_SECONDS = 0.02
"""Nobody sees a fiftieth of a second."""
STUB_CHECK_SECONDS = 0.5
"""Between two looks at the stubs while one of them has just ended."""
QUIET_CHECK_SECONDS = 5.0
"""Between two looks otherwise: the kernel tells at once of the end of each that was seen."""
SCRATCH_PREFIX = "/tmp/python_env_"
"""What Triton's Python backend makes at its start, and leaves where it is killed.

Source: python_be.cc.
"""
CANNOT_HIDE_REMEDY = (
    "Triton gets its key unseen by ptrace: allow it to this user, or use --triton HOST:PORT"
)
TAP_PREFIX = "charter_tap_1_"
"""Of the memory in which `charter_bls` keeps its tap (`bls/ring.py`); the server's process
follows."""
COLLISION_WORDS = ("already in use", "Address already in use", "failed to bind")

Spec = dict[str, Any]


def scratch_directories() -> set[str]:
    """The Python backends' directories that belong to this account."""
    prefix = Path(SCRATCH_PREFIX)
    found = set()
    for path in prefix.parent.glob(f"{prefix.name}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_uid == os.getuid():
                found.add(str(path))
    return found


def remove_scratch(name: str) -> None:
    """Remove a Python backend's directory; one that anything was unpacked into is left alone."""
    if name.startswith(SCRATCH_PREFIX):
        with contextlib.suppress(OSError):
            Path(name).rmdir()


def command_line(template: list[str], ports: dict[str, int]) -> list[str]:
    """The server's arguments with `{http}`, `{grpc}` and `{metrics}` filled in."""
    filled = template
    for name, port in ports.items():
        filled = [argument.replace(f"{{{name}}}", str(port)) for argument in filled]
    return filled


class Supervisor:
    """One run of the supervisor."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.log = Path(spec["log"])
        self.log_offset = 0
        self.state: dict[str, Any] = {
            "state": "starting",
            "reason": "",
            "supervisor": os.getpid(),
            "server": 0,
            "restarts": 0,
            "http": 0,
            "grpc": 0,
            "metrics": 0,
            "log": spec["log"],
            "scratch": "",
        }
        self.server: subprocess.Popen[bytes] | None = None
        self.crashes: list[float] = []
        self.selector = selectors.DefaultSelector()
        self.stopping = False

    def run(self) -> int:
        """Supervise until told to stop (0), or until Triton cannot be kept running (1)."""
        self._watch()
        failure = self._start_on_free_ports(self._choose_ports())
        while not (failure or self.stopping):
            self._publish("ready")
            code = self._until_exit()
            if not self.stopping:
                failure = self._restart(code)
        self._stop_server()
        self.state["reason"] = failure
        self._publish("failed" if failure else "stopped")
        return 1 if failure else 0

    def _watch(self) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        self.selector.register(reader, selectors.EVENT_READ, "signal")
        if not self.spec["detached"]:
            self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ, "owner")

    def _on_signal(self, *_: object) -> None:
        self.stopping = True

    def _choose_ports(self) -> dict[str, int]:
        return self.spec["ports"] or dict(zip(PORT_NAMES, free_ports(len(PORT_NAMES)), strict=True))

    def _start(self, ports: dict[str, int]) -> None:
        self.state.update(ports)
        self.lifeline = Lifeline()
        with self.log.open("ab") as log:
            self.log_offset = log.tell()
            self.server = hidden_arguments.start(
                command_line(self.spec["command"], ports),
                os.environ,
                self.lifeline.tie,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.spec["directory"],
                pass_fds=(self.lifeline.reader,),
                start_new_session=True,
            )
        self.exit_watch = os.pidfd_open(self.server.pid)
        self.selector.register(self.exit_watch, selectors.EVENT_READ, "server")
        self.state["server"] = self.server.pid
        self._publish("starting")

    def _start_on_free_ports(self, ports: dict[str, int]) -> str:
        """Start Triton and wait until it is ready; on a port collision try others.

        Returns why it failed, or "".
        """
        for _ in range(PORT_ATTEMPTS):
            before = scratch_directories()
            try:
                self._start(ports)
            except hidden_arguments.CannotHide as error:
                return f"{error}; {CANNOT_HIDE_REMEDY}"
            code = self._until_ready()
            if code is None:
                self._claim_scratch(before)
                return ""
            if not self._ports_were_taken():
                return f"tritonserver ended with code {code} before it was ready"
            ports = self._choose_ports()
        return f"found no free ports in {PORT_ATTEMPTS} attempts"

    def _claim_scratch(self, before: set[str]) -> None:
        """Remember which directory the Python backend made.

        Nothing tells whose one is: where another server was started meanwhile, none is claimed.
        """
        made = scratch_directories() - before
        self.state["scratch"] = made.pop() if len(made) == 1 else ""

    def _until_ready(self) -> int | None:
        """None once Triton is ready (or a stop is wanted), its exit code if it ended before."""
        while not self.stopping and not self._answers():
            if self._wait(READY_POLL_SECONDS):
                return self._reap()
        return None

    def _answers(self) -> bool:
        """Whether Triton says that it is ready, and its models answer a request."""
        port = self.state["http"]
        if not probing.is_ready(port):
            return False
        name, file = self.spec["probe_key"]
        headers = {name: Path(file).read_text()}
        return all(
            probing.answers(port, model, self.spec["probe_run"], headers)
            for model in self.spec["probed"]
        )

    def _until_exit(self) -> int:
        """Wait for the server's end. One whose stub crashed answers that model's requests no more:
        end it too."""
        port = self.state["http"]
        stubs = StubWatch(lambda model: probing.is_ready(port, model))
        ends = Ends(self.selector)
        try:
            while not self.stopping:
                if self._wait(STUB_CHECK_SECONDS if ends.are_recent else QUIET_CHECK_SECONDS):
                    return self._reap()
                assert self.server is not None
                children = children_of(self.server.pid)
                ends.watch(children)
                if stubs.has_crashed(children):
                    self.server.kill()
        finally:
            ends.close()
        return 0

    def _wait(self, timeout: float | None) -> bool:
        """Wait for something to happen; whether the server ended."""
        ended = False
        for key, _ in self.selector.select(timeout):
            if key.data == "server":
                ended = True
            elif key.data == "owner" and not os.read(key.fd, 4096):
                self.stopping = True
            elif key.data == "signal":
                os.read(key.fd, 4096)
        return ended

    def _restart(self, code: int) -> str:
        """Start again where it was; other ports only if those are taken now.

        Returns why it failed, or "".

        A repository caught in the middle of a push does not load: whoever pushes takes it back, so
        try again.
        """
        failure = f"tritonserver ended with code {code}"
        while not self.stopping and self._may_restart():
            self.state["restarts"] += 1
            self.state["reason"] = f"{failure}; restarted"
            failure = self._start_on_free_ports({name: self.state[name] for name in PORT_NAMES})
            if not failure:
                return ""
            self._wait(RETRY_SECONDS)
        return (
            ""
            if self.stopping
            else f"{failure}; given up after {MAX_CRASHES} times in {CRASH_WINDOW_SECONDS:.0f} s"
        )

    def _may_restart(self) -> bool:
        now = time.monotonic()
        self.crashes = [at for at in self.crashes if now - at < CRASH_WINDOW_SECONDS] + [now]
        return len(self.crashes) <= MAX_CRASHES

    def _reap(self) -> int:
        """Collect the ended server and end its stubs.

        What they left in memory and in /tmp is removed.
        """
        assert self.server is not None
        self.selector.unregister(self.exit_watch)
        os.close(self.exit_watch)
        code = self.server.wait()
        self._end_stubs()
        self.server = None
        return code

    def _end_stubs(self) -> None:
        assert self.server is not None
        self.lifeline.cut()
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                if os.waitpid(-self.server.pid, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
            except ChildProcessError:
                break
        for pattern in (f"{self.spec['shm_prefix']}*", f"{TAP_PREFIX}{self.server.pid}_*"):
            for path in Path("/dev/shm").glob(pattern):
                path.unlink(missing_ok=True)
        remove_scratch(self.state["scratch"])
        self.state["scratch"] = ""

    def _stop_server(self) -> None:
        """Let Triton finish and unload.

        Once its stubs are gone nothing is left for its slow exit to do.
        """
        if self.server is None:
            return
        self.server.terminate()
        deadline = time.monotonic() + self.spec["stop_seconds"]
        while (
            self.server.poll() is None
            and time.monotonic() < deadline
            and child_numbers(self.server.pid)
        ):
            time.sleep(STOP_POLL_SECONDS)
        self.server.kill()
        self._reap()

    def _ports_were_taken(self) -> bool:
        text = self.log.read_bytes()[self.log_offset :].decode(errors="replace")
        return any(words in text for words in COLLISION_WORDS) and not self.spec["ports"]

    def _publish(self, state: str) -> None:
        self.state["state"] = state
        path = Path(self.spec["state_file"])
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(self.state))
        fresh.replace(path)


def main(spec_path: str) -> int:
    """Supervise by the spec.

    The instance's lock comes open from the parent and is held as long as this lives.
    """
    try:
        keep_files_private()
    except OSError as error:
        print(f"shared memory can't be kept from other users without seccomp: {error}")
        return 1
    spec: Spec = json.loads(Path(spec_path).read_text())
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    code = Supervisor(spec).run()
    if spec["aliases"]:
        shutil.rmtree(spec["aliases"], ignore_errors=True)
    if code == 0 and spec["remove"]:
        shutil.rmtree(spec["directory"], ignore_errors=True)
    return code
