"""`charter-engine canary` and `doctor` on a Triton that serves."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import tritonclient.grpc.aio as grpc

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.canary import CanaryReport
from charter_engine.triton.client import Connection
from charter_engine.triton.exposure import QUESTIONS, unrestricted
from tests.integration.triton.conftest import Served

PROGRAM = [sys.executable, "-m", "charter_engine.cli"]
DONE, FAILED, UNREACHABLE = 0, 1, 3


def charter(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False, timeout=120)


def test_the_canary_finds_the_reuse_of_the_engine_sound(served: Served) -> None:
    done = charter("canary", "--once", "4", "--triton", served.state.grpc_url, "--json")
    assert done.returncode == DONE, done.stderr
    report = msgspec.json.decode(done.stdout, type=CanaryReport)
    assert (report.state, report.rounds, report.differing) == ("watching", 4, 0)
    assert report.pairs >= 6


def test_a_server_that_its_key_restricts_is_sound(served: Served) -> None:
    done = charter("doctor", "--triton", served.state.grpc_url, "--json")
    report = msgspec.json.decode(done.stdout, type=DoctorReport)
    assert done.returncode == DONE, report.findings
    assert {"reuse", "restrictions", "drift", "the embedded Triton"} <= set(report.sound)
    assert report.deployment == served.state.grpc_url


async def test_a_server_that_is_restricted_answers_no_harmless_question_without_the_key(
    served: Served,
) -> None:
    assert await unrestricted(Connection(served.state.grpc_url)) == ()


async def test_the_questions_are_answered_with_the_key(served: Served) -> None:
    client = grpc.InferenceServerClient(served.state.grpc_url)
    headers = dict(served.state.headers)
    try:
        assert await client.get_model_repository_index(headers=headers)
        assert await client.get_log_settings(headers=headers)
    finally:
        await client.close()
    assert set(QUESTIONS) == {"model-repository", "shared-memory", "trace", "logging"}


@pytest.mark.parametrize("command", ["doctor", "canary"])
def test_a_server_that_is_not_there_ends_with_3(command: str, tmp_path: Path) -> None:
    done = charter(command, "--triton", "127.0.0.1:1")
    assert done.returncode == UNREACHABLE
    assert b"127.0.0.1:1" in done.stderr
