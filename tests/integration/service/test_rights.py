"""What a read-only engine and a replay do with every command, over raw frames."""

import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from charter_engine.contracts.commands import RIGHT_OF, Command
from charter_engine.contracts.gauges import Event
from charter_engine.store.recording_writer import RecordingWriter
from tests.integration.service.engines import serving, write_agent

FIELDS: dict[str, dict[str, Any]] = {
    "Subscribe": {"topics": []},
    "OpenAgent": {"path": "/etc/passwd"},
    "EditNode": {"node": "Reader.read:summary", "base_revision": 0, "priority": 99},
    "EditServer": {"key": "kv_cache_free_gpu_mem_fraction", "value": "0.5", "base_revision": 0},
    "ProposePlan": {"base_revision": 0},
    "LoadPlan": {"path": "/etc/shadow", "base_revision": 0},
    "SavePlan": {"path": "planted-by-a-reader.yaml"},
    "DraftFoundPlan": {"base_revision": 0},
    "Predict": {"request": {"workload": "/etc/passwd"}},
    "Learn": {"request": {"sources": ["/etc/passwd"], "output": "planted.json"}},
    "Calibrate": {"request": {"recording": "/etc/passwd"}},
    "Bench": {"request": {"agent": ""}},
    "CompareAnswers": {"request": {"agent": ""}},
    "ListRecordings": {"folder": "/etc"},
    "CompareRecorded": {"request": {"before": "/etc/passwd"}},
    "CheckSetting": {"key": "kv_cache_free_gpu_mem_fraction", "value": "0.5"},
    "SweepSetting": {"key": "kv_cache_free_gpu_mem_fraction"},
    "Push": {"base_revision": 0},
    "Rollback": {"base_revision": 0},
    "SetShare": {"base_revision": 0, "share": 0.5},
    "TryDraft": {"base_revision": 0, "share": 0.5},
    "PutBack": {"base_revision": 0},
    "Adopt": {"base_revision": 0},
    "Uninstall": {"base_revision": 0},
    "StartRecording": {"path": "planted-by-a-reader.charter"},
    "SeekReplay": {"by": 1.0},
    "CutReplay": {"begin": 0.0, "end": 1e12},
    "ShowServer": {"server": "127.0.0.1:1"},
    "ShowRevision": {"number": 1},
    "ShowRun": {"number": 1},
    "CompareRuns": {"before": 1, "after": 2},
    "ListTicks": {"seconds": 60.0, "most": 10},
    "ListMarks": {"seconds": 60.0},
    "AddNote": {"text": "planted by a reader"},
}
NAMES = {kind.__name__: right for kind, right in RIGHT_OF.items()}


class Raw:
    """A client that speaks the protocol and knows nothing of what it may say."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def ask(self, command: str, **fields: object) -> Any:
        """The engine's answer to a command."""
        request = {"type": "Request", "id": 7, "command": {"type": command, **fields}}
        payload = msgspec.msgpack.encode(request)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)
        while True:
            length = struct.unpack(">I", self.file.read(4))[0]
            answer = msgspec.msgpack.decode(self.file.read(length))
            if answer.get("id") == 7:
                return answer

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The directory of a read-only engine that records."""
    directory = tmp_path_factory.mktemp("watched")
    agent = write_agent(directory)
    arguments = ("--agent", str(agent), "--read-only", "--triton", "127.0.0.1:1")
    with serving(directory, *arguments, "--record", str(directory / "kept.charter")):
        yield directory


def test_every_command_has_a_right() -> None:
    assert set(RIGHT_OF) == set(get_args(Command))


@pytest.mark.parametrize("name", [name for name, right in NAMES.items() if right != "view"])
def test_a_reader_is_refused(name: str, watched: Path) -> None:
    with Raw(watched / "engine.sock") as client:
        answer = client.ask(name, **FIELDS.get(name, {}))
        assert (answer["type"], answer["kind"]) == ("Failure", "read-only")
        assert "root" not in answer["message"]
        assert client.ask("GetSession")["type"] == "Response"


@pytest.mark.parametrize("name", [name for name, right in NAMES.items() if right == "view"])
def test_a_reader_may_look(name: str, watched: Path) -> None:
    with Raw(watched / "engine.sock") as client:
        answer = client.ask(name, **FIELDS.get(name, {}))
    assert answer.get("kind") != "read-only"


def test_what_was_refused_did_not_happen(watched: Path) -> None:
    with Raw(watched / "engine.sock") as client:
        for name, right in NAMES.items():
            if right != "view":
                client.ask(name, **FIELDS.get(name, {}))
        size = (watched / "kept.charter").stat().st_size
        session = client.ask("GetSession")["result"]
    assert session["revision"] == 0
    assert size > 0
    assert [path.name for path in watched.rglob("planted*")] == []


def test_a_replay_changes_nothing(tmp_path: Path) -> None:
    recording = tmp_path / "r.charter"
    writer = RecordingWriter(recording)
    writer.write([Event(sequence=1, at=1.0, kind="run", text="it ran")])
    writer.close()
    with serving(tmp_path, "--replay", str(recording)), Raw(tmp_path / "engine.sock") as client:
        refused = {
            name
            for name in NAMES
            if name != "Shutdown"
            and client.ask(name, **FIELDS.get(name, {})).get("kind") == "read-only"
        }
    allowed = ("view", "read", "stop")
    assert refused == {name for name, right in NAMES.items() if right not in allowed}
