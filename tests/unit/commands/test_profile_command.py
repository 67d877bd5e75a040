"""`charter-engine profile` as a shell would call it, and `predict --like` a server."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from charter_engine.cli import main
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.prediction import PredictReport
from charter_engine.contracts.server import ServerReport
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from tests.unit.api.agents import write_agent
from tests.unit.servers.answering import answering_apart, completion, served_by, vllm

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 3
Output = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A vLLM that reuses nothing."""
    with answering_apart(vllm(v1__completions=completion(0))) as address:
        yield address


def test_a_profile_tells_what_the_server_is_and_why_levers_do_not_act(
    url: str, capsys: Output
) -> None:
    assert main(["profile", url]) == DONE
    told = capsys.readouterr().out
    assert "vLLM 0.32.0" in told and "200 blocks, 50 in use" in told
    assert "128 of 390 tokens, – blocks, hit rate 32.8% (measured)" in told
    assert "retention: vLLM has none" in told


def test_a_server_is_profiled_by_host_and_port_and_as_a_record(url: str, capsys: Output) -> None:
    assert main(["profile", url.removeprefix("http://"), "--json"]) == DONE
    report = msgspec.json.decode(capsys.readouterr().out, type=ServerReport)
    assert report.profile.kind == "vllm" and report.proofs == ()


def test_a_proof_that_fails_is_told_and_ends_with_1(url: str, capsys: Output) -> None:
    assert main(["profile", url, "--prove", "reuse"]) == FAILED
    output = capsys.readouterr()
    assert "proof: reuse does not act" in output.out
    assert "reuse was not proved: does not act" in output.err


def test_there_is_nothing_to_prove_where_retention_does_not_act(url: str, capsys: Output) -> None:
    assert main(["profile", url, "--prove", "retention"]) == REFUSED
    assert "no retention to prove" in capsys.readouterr().err


def test_a_server_of_another_kind_ends_with_2(capsys: Output) -> None:
    with answering_apart({"/v1/models": served_by("llamacpp")}) as address:
        assert main(["profile", address]) == USAGE
    assert "none of the five" in capsys.readouterr().err


@pytest.mark.parametrize("key", ["s3cret", "env:NO_SUCH_VARIABLE", "@/no/such/file"])
def test_a_key_comes_from_the_environment_or_a_file(url: str, key: str, capsys: Output) -> None:
    assert main(["profile", url, "--key", key]) == USAGE
    assert "s3cret" not in capsys.readouterr().err


def test_a_workload_is_predicted_by_the_pool_and_rules_of_a_server(
    url: str, tmp_path: Path, capsys: Output
) -> None:
    line = '{"timestamp": 0, "input_length": 70, "output_length": 1, "token_ids": [%s]}\n'
    workload = tmp_path / "workload.jsonl"
    workload.write_text(2 * (line % ", ".join(map(str, range(70)))))
    assert main(["predict", str(workload), "--like", url, "--instant", "--json"]) == DONE
    (found,) = msgspec.json.decode(capsys.readouterr().out, type=PredictReport).predictions
    assert found.settings["eviction"] == "vllm" and found.settings["gpu_blocks"] == 200
    assert found.token_hit_rate == pytest.approx(64 / 140), "whole blocks of 32 alone"


def test_an_agent_runs_on_a_server_that_takes_token_ids(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("CHARTER_STATE", str(tmp_path / "state"))
    given = [str(write_agent(tmp_path)), "--json"]
    assert main(["run", *given, "--server", url, "--tokenizer", str(tokenizer_path())]) == DONE
    report = msgspec.json.decode(capsys.readouterr().out, type=RunReport)
    assert (report.state, report.reuse) == ("done", "measured")
    assert {(one.prompt_tokens, one.reused_tokens) for one in report.requests} == {(97, 0)}


@pytest.mark.parametrize("command", ["run", "bench"])
def test_prompts_are_sent_to_one_server(command: str, url: str, capsys: Output) -> None:
    assert main([command, "agent.py", "--server", url, "--triton", "127.0.0.1:1"]) == USAGE
    assert "--server and --triton or --servers" in capsys.readouterr().err


def test_a_tokenizer_that_is_elsewhere_is_asked_for(
    url: str, tmp_path: Path, capsys: Output
) -> None:
    agent = str(write_agent(tmp_path))
    assert main(["run", agent, "--server", url]) == USAGE
    assert "give --tokenizer" in capsys.readouterr().err


def test_a_url_in_place_of_tritons_grpc_port_is_refused_with_what_tells_what_it_is(
    url: str, capsys: Output
) -> None:
    assert main(["traffic", "--triton", url]) == USAGE
    told = capsys.readouterr().err
    assert "not of the form HOST:PORT" in told and "charter-engine profile URL" in told
