"""A deployment file: what it says, and what is wrong with one."""

from pathlib import Path

import pytest

from charter_engine.api.applying import deployment_of, options_of
from charter_engine.errors import UsageError

WHOLE = """\
triton: triton.example:8001
metrics: http://triton.example:8002/metrics
repository: /srv/models
tokenizer: tokens/tokenizer.json
plan: plans/desk.yaml
agent: desk.py
why: smaller pool
drift: put-back
watch: {for: 5m, max_regression: 10%}
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "charter.yaml"
    path.write_text(text)
    return path


def test_paths_are_those_beside_the_file(tmp_path: Path) -> None:
    found = deployment_of(written(tmp_path, WHOLE))
    assert (found.plan, found.repository) == (str(tmp_path / "plans/desk.yaml"), "/srv/models")
    assert options_of(found).tokenizer == tmp_path / "tokens/tokenizer.json"
    assert found.watch is not None
    assert (found.watch.duration, found.watch.max_regression) == ("5m", "10%")


def test_a_plan_is_all_that_must_be_said(tmp_path: Path) -> None:
    found = deployment_of(written(tmp_path, "plan: plan.yaml\n"))
    assert (found.triton, found.drift, found.watch) == (None, "refuse", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("plan: p.yaml\ntrition: a:1\n", r"charter.yaml:2: unknown key 'trition'.*'triton'"),
        ("plan: p.yaml\nwatch: {during: 5m}\n", r"unknown key 'watch.during'"),
        ("triton: a:1\n", r"missing required field `plan`"),
        ("plan: p.yaml\ndrift: ignore\n", r"charter.yaml:2: Invalid enum value 'ignore'"),
        ("plan: p.yaml\nversion: 2\n", r"version 2 is not 1"),
        ("plan: p.yaml\nwatch: {for: soon}\n", r"watch.for: 'soon' is not a duration such as 30s"),
        ("plan: p.yaml\nwatch: {for: 5m, max_regression: '5'}\n", r"charter.yaml: watch.max_reg"),
        ("plan: p.yaml\ntriton: here\n", r"charter.yaml: triton here: not of the form"),
        ("plan: p.yaml\nheaders: {key: 'env:UNSET'}\n", r"charter.yaml: headers key: "),
        ("plan: p.yaml\ntriton: a:1\nservers: [b:1]\n", r"triton and servers: servers are named"),
        ("plan: p.yaml\nservers: [here]\n", r"servers here: not of the form HOST:PORT"),
        ("plan: p.yaml\nservers: [{trition: a:1}]\n", r"unknown key 'servers.0.trition'"),
        ("plan: p.yaml\nservers: [a:1]\nrepository: r\n", r"repository is of one server"),
        ("- plan\n", "not a YAML mapping"),
        ("plan: [\n", "not YAML"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        deployment_of(written(tmp_path, text))


def test_a_credential_is_never_in_the_file_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRITON_KEY", "hush")
    text = "plan: p.yaml\nheaders: {Triton-Grpc-Protocol-Key: 'env:TRITON_KEY'}\n"
    assert options_of(deployment_of(written(tmp_path, text))).headers == (
        ("triton-grpc-protocol-key", "hush"),
    )


def test_an_address_without_a_port_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        options_of(deployment_of(written(tmp_path, "plan: p.yaml\ntriton: here\n")))
