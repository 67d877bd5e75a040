"""`charter-engine` as scripts use it.

Exit codes, what goes to which stream, and the run command on a real Triton.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from charter_engine.cli import COMMANDS
from charter_engine.contracts.live import RunReport
from charter_engine.store.recording_format import COUNTED, Entry, scan
from charter_engine.store.recording_writer import RecordingWriter
from tests.integration.service.engines import environment, tritons_of, wait_until, write_agent
from tests.unit.store.test_recording import second


def charter(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "charter_engine.cli", *arguments],
        capture_output=True, text=True, env=environment(directory), check=False, timeout=120,
    )  # fmt: skip


def test_version_is_data(tmp_path: Path) -> None:
    ended = charter(tmp_path, "version", "--json")
    assert json.loads(ended.stdout).keys() == {"charter"}
    assert (ended.returncode, ended.stderr) == (0, "")


def test_help_names_every_command_and_imports_none(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom charter_engine.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'libcst', 'msgspec', 'grpc', 'numba', 'asyncio', "
        "'textual'} & set(sys.modules)\n"
        "print('heavy', sorted(heavy))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in ended.stdout for name in COMMANDS)
    assert "heavy []" in ended.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(tmp_path: Path, name: str) -> None:
    ended = charter(tmp_path, name, "--help")
    assert ended.returncode == 0, ended.stderr
    assert "usage:" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "COMMAND"),
        (("fly",), "invalid choice"),
        (("run", "nowhere.py"), "no such file"),
        (("run", "{agent}", "--input", "document"), "name=value"),
        (("run", "{agent}", "--input", "wrong=x"), "no value for 'note'"),
        (("run", "{agent}", "--plan", "nowhere.yaml"), "nowhere.yaml"),
        (("run", "{agent}", "--triton", "localhost"), "HOST:PORT"),
        (("run", "{agent}", "--baseline", "--plan", "p.yaml"), "exclude each other"),
        (("run", "{agent}", "--no-block-size"), "give --plan"),
        (("export", "nowhere.charter"), "nowhere.charter: No such file"),
        (("export", "nowhere.charter", "--begin", "noon"), "'noon' is not a time"),
        (("serve", "--replay", "nowhere.charter"), "nowhere.charter"),
        (("compile", "{agent}", "--explain", "4000"), "ends at line"),
        (("lint", "{agent}", "--config", "nowhere.toml"), "nowhere.toml: No such file"),
        (("workload", "pool", "x.jsonl", "--window", "-5"), "-5 is no number of seconds"),
        (("workload", "pool", "x.jsonl", "--sessions", "0"), "0 is not 1 or more"),
        (("serve", "--record", "/nowhere/x.charter"), "/nowhere/x.charter"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    agent = str(write_agent(tmp_path))
    ended = charter(tmp_path, *(argument.format(agent=agent) for argument in arguments))
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_a_triton_that_does_not_answer_ends_with_3(tmp_path: Path) -> None:
    ended = charter(tmp_path, "run", str(write_agent(tmp_path)), "--triton", "127.0.0.1:1")
    assert ended.returncode == 3
    assert "127.0.0.1:1" in ended.stderr


def test_run_measures_every_request_on_a_real_triton(tmp_path: Path) -> None:
    ended = charter(tmp_path, "run", str(write_agent(tmp_path)), "--json", "--limit", "2")
    assert ended.returncode == 0, ended.stderr
    report = msgspec.json.decode(ended.stdout, type=RunReport)
    assert (report.state, report.items, len(report.requests)) == ("done", 2, 4)
    assert all(request.reused_tokens is not None and request.ttft_ms for request in report.requests)
    assert all(output.keys() == {"summary", "verdict"} for output in report.outputs)
    assert "means nothing" in report.note
    assert not tritons_of(tmp_path)


@pytest.mark.parametrize(("left_alone", "tokens_per_block"), [((), 8), (("--no-block-size",), 32)])
def test_an_embedded_run_has_the_plans_block_size_unless_that_lever_is_off(
    tmp_path: Path, left_alone: tuple[str, ...], tokens_per_block: int
) -> None:
    agent = write_agent(tmp_path)
    plan = tmp_path / "plan.yaml"
    plan.write_text(f"version: 1\nagent: {agent}\nserver:\n  tokens_per_block: 8\n")
    ended = charter(
        tmp_path, "run", str(agent), "--json", "--limit", "1", "--plan", str(plan), *left_alone
    )
    assert ended.returncode == 0, ended.stderr
    first = msgspec.json.decode(ended.stdout, type=RunReport).requests[0]
    assert first.prompt_tokens is not None and first.missed_blocks is not None
    assert first.missed_blocks == -(-first.prompt_tokens // tokens_per_block)


def test_an_interrupted_run_reports_what_it_has_and_ends_with_130(tmp_path: Path) -> None:
    agent = write_agent(tmp_path, max_tokens=2_000)
    command = [sys.executable, "-m", "charter_engine.cli", "run", str(agent), "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(tmp_path),
    )
    assert wait_until(lambda: bool(tritons_of(tmp_path)))
    time.sleep(4.0)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert not output or msgspec.json.decode(output, type=RunReport).state == "cancelled"
    assert not tritons_of(tmp_path)


def test_an_export_is_one_json_object_a_line(tmp_path: Path) -> None:
    recording = tmp_path / "demo.charter"
    writer = RecordingWriter(recording)
    for number in range(3):
        writer.write(second(number))
    writer.close()
    ended = charter(tmp_path, "export", str(recording))
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["record"] for line in lines].count("event") == 3
    assert [line["record"] for line in lines].count("request") == 3


def test_a_damaged_recording_is_exported_as_far_as_it_goes_and_ends_with_1(tmp_path: Path) -> None:
    recording = tmp_path / "demo.charter"
    writer = RecordingWriter(recording)
    for number in range(3):
        writer.write(second(number))
    writer.close()
    *_, last = (
        part
        for part in scan(recording.read_bytes())
        if isinstance(part, Entry) and part.kind == COUNTED
    )
    with recording.open("r+b") as file:
        file.truncate(last.end - 5)
    ended = charter(tmp_path, "export", str(recording), "--requests")
    assert ended.returncode == 1
    assert "cut off" in ended.stderr
    assert len(ended.stdout.splitlines()) == 2


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    recording = tmp_path / "demo.charter"
    writer = RecordingWriter(recording)
    for number in range(400):
        writer.write(second(number, nodes=50))
    writer.close()
    ended = first_line(tmp_path, f"export {recording}")
    assert (ended.returncode, ended.stderr) == (141, "")
    assert len(ended.stdout.splitlines()) == 1


def test_a_reader_that_leaves_a_conversion_is_no_error_of_its_own(tmp_path: Path) -> None:
    workload = tmp_path / "w.jsonl"
    line = json.dumps({"timestamp": 0, "input_length": 512, "output_length": 1, "hash_ids": [1]})
    workload.write_text(f"{line}\n" * 20_000)
    ended = first_line(tmp_path, f"workload convert {workload}")
    assert (ended.returncode, ended.stderr) == (141, "")


def first_line(directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command whose reader leaves after one line."""
    pipeline = f"set -o pipefail; {sys.executable} -m charter_engine.cli {command} | head -1"
    return subprocess.run(
        ["bash", "-c", pipeline],
        capture_output=True, text=True, env=environment(directory), check=False, timeout=60,
    )  # fmt: skip


def test_a_recording_that_cannot_be_played_is_refused_before_the_socket_listens(
    tmp_path: Path,
) -> None:
    junk = tmp_path / "junk.charter"
    junk.write_bytes(b"no recording")
    command = [sys.executable, "-m", "charter_engine.cli", "serve", "--replay", str(junk)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
    )
    appeared = wait_until(lambda: (tmp_path / "engine.sock").exists() or process.poll() is not None)
    assert appeared and not (tmp_path / "engine.sock").exists()
    _, narrated = process.communicate(timeout=120)
    assert process.returncode == 2 and "junk.charter" in narrated
