"""The program of a worker: one piece of work after the other, for the engine that started it."""

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from queue import SimpleQueue

from charter_engine.api.progress import Report
from charter_engine.errors import CharterError
from charter_engine.service.workers import READY, Found, Raised

Work = Callable[[Report], object]


def main(descriptor: int) -> None:
    """Work for whoever holds the other end of this socket, until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine = Connection(descriptor)
    asked: SimpleQueue[Work] = SimpleQueue()
    engine.send(READY)
    threading.Thread(target=_hear, args=(engine, asked), daemon=True).start()
    is_whole = True
    while is_whole:
        outcome = _outcome(asked.get(), engine.send)
        is_whole = not (isinstance(outcome, Raised) and outcome.is_last)
        engine.send(outcome)
        del outcome
        gc.collect()  # What a compilation leaves would else lie here until the next ones are done.


def _hear(engine: Connection, asked: "SimpleQueue[Work]") -> None:
    """Take in what is asked for. An engine that is gone, however it went, takes along what works
    for it."""
    try:
        while True:
            asked.put(engine.recv())
    except (EOFError, ConnectionError):
        os.killpg(0, signal.SIGKILL)


def _outcome(work: Work, report: Report) -> Found | Raised:
    try:
        with _interruptible():
            return Found(work(report))
    except KeyboardInterrupt as interrupt:
        return Raised(CharterError("the work was given up"), is_last=_cut_an_import(interrupt))
    except Exception as error:
        return Raised(_as_sent(error))


def _cut_an_import(interrupt: KeyboardInterrupt) -> bool:
    """Whether a module was being imported: of a package such as numpy, the parts that were there
    already would be used by the next import, and refer to one that is gone."""
    codes = [frame.f_code for frame, _ in traceback.walk_tb(interrupt.__traceback__)]
    return any(
        code.co_name == "<module>" or code.co_filename.startswith("<frozen importlib")
        for code in codes
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """The engine may interrupt what is done meanwhile, and nothing else."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_sent(error: Exception) -> Exception:
    """An error that can be unpickled over there. Where it was raised goes along only as words."""
    if isinstance(error, CharterError):
        return CharterError(error.message, remedy=error.remedy, kind=error.kind)
    is_known = type(error).__module__ == "builtins"
    told = error if is_known else RuntimeError(f"{type(error).__name__}: {error}")
    told.add_note("".join(traceback.format_exception(error)))
    return told


if __name__ == "__main__":
    main(int(sys.argv[1]))
