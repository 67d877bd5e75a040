"""`charter-engine note`, asking an engine over its socket."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from charter_engine.cli import main
from charter_engine.contracts.commands import AddNote, Command, ListMarks
from charter_engine.contracts.gauges import Marker
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.server import Server


@contextmanager
def listening(path: Path, asked: list[Command]) -> Iterator[None]:
    """An engine that keeps what it is asked, on a thread of its own."""
    started, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def handle(command: Command) -> object:
        asked.append(command)
        match command:
            case AddNote(text="refused"):
                raise UsageError("that is no note", remedy="say more")
            case ListMarks():
                return (Marker(1_800_000_000.0, "push", "revision 3 is live"),)
        return None

    async def serve() -> None:
        server = Server(path, Hub(), handle)
        await server.start()
        started.set()
        await ended.wait()
        await server.close("over")

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(20)
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def asked() -> list[Command]:
    return []


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, asked: list[Command]) -> Iterator[str]:
    """The socket of an engine that answers."""
    path = tmp_path_factory.mktemp("engine") / "engine.sock"
    with listening(path, asked):
        yield str(path)


def test_a_note_is_told_to_the_engine(engine: str, asked: list[Command]) -> None:
    assert main(["note", "it went out", "--node", "A.plan", "--attach", engine]) == 0
    assert asked[-1] == AddNote(text="it went out", node="A.plan")


def test_what_is_marked_is_listed(engine: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["note", "--list", "--attach", engine]) == 0
    assert "2027-01-15 08:00:00  push" in capsys.readouterr().out
    assert main(["note", "--list", "--json", "--attach", engine]) == 0
    (mark,) = json.loads(capsys.readouterr().out)
    assert mark["text"] == "revision 3 is live"


def test_what_the_engine_refuses_is_said_with_its_remedy(
    engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["note", "refused", "--attach", engine]) == 2
    assert "that is no note" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [(), ("words", "--list"), ("",)])
def test_a_note_has_words_or_marks_are_listed(arguments: tuple[str, ...], engine: str) -> None:
    assert main(["note", *arguments, "--attach", engine]) == 2


def test_where_no_engine_listens_it_is_said_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["note", "words", "--attach", str(tmp_path / "nobody")]) == 1
    told = capsys.readouterr().err
    assert "nobody" in told
    assert "charter-engine serve" in told
