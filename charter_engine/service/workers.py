"""Processes of the engine's own that work for it, and end when there is nothing to do.

What a plan or a compilation of a large agent takes goes back to the system whole only with the
process that took it, and what computes in a thread holds up the event loop by Python's lock.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final, NamedTuple, TypeVar, cast

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.children import environment
from charter_engine.errors import CharterError

MOST_AT_ONCE: Final = 2
"""A long piece of work, and beside it what an operator waits for."""
IDLE_SECONDS: Final = 60.0
"""How long a worker waits for more: the next edit of a draft finds one that has all it needs."""
INTERRUPTS: Final = 20
"""Two seconds of them; then the worker itself is ended."""
INTERRUPT_SECONDS: Final = 0.1
"""Between two interrupts of work that is given up, which may not have begun by the first."""
READY: Final = "ready"
"""What a worker says first: from then on it heeds interrupts."""
T = TypeVar("T")


class Found(NamedTuple):
    """What a piece of work came to."""

    result: object


class Raised(NamedTuple):
    """How a piece of work failed. `is_last`: and its worker ends, since it is fit for no more."""

    error: Exception
    is_last: bool = False


class Worker:
    """A process that carries out one piece of work after the other. Everything blocks.

    What it is given and what it gives is pickled: functions by their names, and their modules are
    imported over there.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "charter_engine.service.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment(),
                process_group=0,
            )
        self._connection = Connection(ours.detach())
        self._is_ready = False

    def carry_out(self, work: Callable[[Report], T], report: Report) -> T:
        """Do a piece of work there. Raises what it raises, and `CharterError` where the process
        ends meanwhile."""
        try:
            self._connection.send(work)
            self._await_ready()
            while isinstance(told := self._connection.recv(), Progress):
                report(told)
        except (EOFError, ConnectionError):
            raise CharterError(
                f"the process that worked on it ended with {self._process.wait()}",
                remedy="the engine's log may say more; -9 is what a machine short of memory does",
            ) from None
        if isinstance(told, Raised):
            if told.is_last:
                self._process.wait()
            raise told.error
        return cast("T", told.result)

    def _await_ready(self) -> None:
        if not self._is_ready:
            self._is_ready = self._connection.recv() == READY

    def interrupt(self) -> None:
        """Give up the work in progress. A worker that is still coming up goes with it."""
        if self._is_ready:
            self._process.send_signal(signal.SIGINT)
        else:
            self._process.kill()

    def end(self) -> None:
        """End the process, and those that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None


class WorkerPool:
    """Workers, started as they are needed: at most so many, and none that was idle for long.

    A worker that was interrupted goes on with the next piece of work, unless that cut an import in
    two; one that does not heed it is ended.
    """

    def __init__(
        self, most_at_once: int = MOST_AT_ONCE, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._turn = asyncio.Semaphore(most_at_once)
        self._idle_seconds = idle_seconds
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._ending: asyncio.TimerHandle | None = None

    def prepare(self) -> None:
        """Have a worker ready, since something will be asked of one soon."""
        if not self._idle and not self._busy:
            self._rest(Worker())

    async def carry_out(self, work: Callable[[Report], T], report: Report = silent) -> T:
        """Have a piece of work done; `report` is called in a thread. Cancelled, it ends. Raises
        what it raises."""
        async with self._turn:
            worker = self._idle.pop() if self._idle else Worker()
            self._busy.add(worker)
            thread = asyncio.ensure_future(asyncio.to_thread(worker.carry_out, work, report))
            try:
                return await asyncio.shield(thread)
            except asyncio.CancelledError:
                await _given_up(worker, thread)
                raise
            finally:
                self._busy.discard(worker)
                if worker.is_alive:
                    self._rest(worker)

    async def stop(self) -> None:
        """End them all, and what they work on."""
        if self._ending is not None:
            self._ending.cancel()
        workers, self._idle = [*self._idle, *self._busy], []
        await asyncio.gather(*(asyncio.to_thread(worker.end) for worker in workers))

    def _rest(self, worker: Worker) -> None:
        """Keep it for the next piece of work, and all that are idle for as long as it."""
        self._idle.append(worker)
        if self._ending is not None:
            self._ending.cancel()
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(self._idle_seconds, self._end_idle)

    def _end_idle(self) -> None:
        idle, self._idle = self._idle, []
        for worker in idle:
            asyncio.get_running_loop().run_in_executor(None, worker.end)


async def _given_up(worker: Worker, thread: "asyncio.Future[T]") -> None:
    """Wait until the work has ended, however."""
    for _ in range(INTERRUPTS):
        worker.interrupt()
        if (await asyncio.wait((thread,), timeout=INTERRUPT_SECONDS))[0]:
            break
    else:
        await asyncio.to_thread(worker.end)
    await asyncio.gather(thread, return_exceptions=True)
