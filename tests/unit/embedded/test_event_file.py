"""The engine's events in a file: what another reads is what the block manager did."""

from pathlib import Path

import pytest

from charter_engine.embedded.engine import event_file
from charter_engine.embedded.engine.event_file import EventFile
from charter_engine.kvcache import BlockManager, PoolSettings
from charter_engine.kvcache.manager.event_log import report_event_log
from charter_engine.kvcache.manager.events import Event


def events_of(*prompts: list[int]) -> list[Event]:
    """A pool of eight blocks of four tokens, and what was stored and removed in it."""
    manager = BlockManager(PoolSettings(8, 4), events=True)
    for number, prompt in enumerate(prompts):
        manager.add(number, prompt)
        manager.finish(number)
    return manager.drain_events()


def silent(_: str) -> None:
    """Nobody is warned."""


def test_what_is_written_is_read_as_a_log_of_events(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    file = EventFile(path, silent)
    file.write(events_of([*range(9)], [*range(8), 50, 51, 52, 53, 54]))
    file.write([])
    file.close()
    report = report_event_log(path.read_bytes().splitlines())
    assert report.complete and report.trees[0].blocks == 3
    assert report.trees[0].pool_blocks == (8, 0)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_full_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_file, "MOST_BYTES", 1)
    path = tmp_path / "events.jsonl"
    file = EventFile(path, silent)
    file.write(events_of([*range(9)]))
    with path.open("rb") as read_along:
        file.write(events_of([*range(5)]))
        assert len(read_along.read().splitlines()) == 2, "it keeps the one before"
    assert path.read_bytes().count(b'"event_id":0,') == 1
    file.close()


def test_a_file_that_cannot_be_written_is_warned_of_once(tmp_path: Path) -> None:
    warned: list[str] = []
    file = EventFile(tmp_path / "nowhere" / "events.jsonl", warned.append)
    file.write(events_of([*range(9)]))
    file.write(events_of([*range(9)]))
    assert len(warned) == 1 and "no longer written" in warned[0]
