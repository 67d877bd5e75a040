"""Compose file, Kubernetes example and image: their command lines are ones the programs take, and
Charter runs in them without rights."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from charter_engine.cli import build_parser
from charter_engine.triton.journals import place_beside
from charter_tui.cli import main as console

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")
USER = 10001
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(FILE.read_text())["services"]
    return found


def filled(text: str) -> str:
    """With defaults in place of variables."""
    return VARIABLE.sub(lambda match: match[3] if match[2] == "-" else match[1], text)


def test_the_engines_command_line_is_one_it_takes_and_names_the_triton_beside_it() -> None:
    program, *arguments = [filled(word) for word in services()["charter-engine"]["command"]]
    assert program == "charter-engine"
    (address,) = build_parser(arguments).parse_args(arguments).triton
    host, _, port = address.partition(":")
    assert host in services()
    assert f"127.0.0.1:{port}:{port}" in [filled(text) for text in services()[host]["ports"]]


def test_the_console_in_the_header_attaches_where_the_engine_listens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = next(line for line in FILE.read_text().splitlines() if "charter-tui" in line)
    option, socket = line.partition("charter-tui ")[2].split()
    assert f"--socket={socket}" in services()["charter-engine"]["command"]
    with pytest.raises(SystemExit):
        console(["--help"])
    assert f"{option} SOCKET" in capsys.readouterr().out


def test_the_agent_opened_by_default_is_there() -> None:
    command = [filled(word) for word in services()["charter-engine"]["command"]]
    agent = next(word for word in command if word.startswith("--agent=")).removeprefix(
        "--agent=/agents/"
    )
    mount = next(
        filled(text) for text in services()["charter-engine"]["volumes"] if ":/agents" in text
    )
    assert (FILE.parent / mount.partition(":")[0] / agent).is_file()


def test_both_services_see_the_same_repository_and_engines() -> None:
    mounts = [
        {filled(text).partition(":")[2] for text in services()[name]["volumes"]}
        for name in ("triton", "charter-engine")
    ]
    assert {"/models", "ENGINE_DIR:ro"} <= mounts[0] & mounts[1]


def test_the_journal_of_pushes_outlives_the_container() -> None:
    volumes = services()["charter-engine"]["volumes"]
    named, _, place = next(text for text in volumes if text.endswith(".charter")).partition(":")
    assert Path(place) == place_beside(Path("/models"))
    assert named in YAML(typ="safe").load(FILE.read_text())["volumes"]


def pod() -> dict[str, Any]:
    documents = YAML(typ="safe").load_all((ROOT / "examples/kubernetes/charter.yaml").read_text())
    (deployment,) = (one for one in documents if one["kind"] == "Deployment")
    template: dict[str, Any] = deployment["spec"]["template"]
    return template


def container(name: str) -> dict[str, Any]:
    (found,) = (one for one in pod()["spec"]["containers"] if one["name"] == name)
    made: dict[str, Any] = found
    return made


@pytest.mark.parametrize(
    "image", [filled(services()["triton"]["image"]), container("triton")["image"]]
)
def test_the_image_is_nvidias_public_one(image: str) -> None:
    assert re.fullmatch(r"nvcr\.io/nvidia/tritonserver:\d\d\.\d\d-trtllm-python-py3", image)


def test_the_sidecars_command_line_is_one_it_takes_and_names_the_triton_beside_it() -> None:
    program, *arguments = container("charter")["command"]
    assert program == "charter-engine"
    args = build_parser(arguments).parse_args(arguments)
    (address,) = args.triton
    host, _, port = address.partition(":")
    assert host == "127.0.0.1"
    assert int(port) in [one["containerPort"] for one in container("triton")["ports"]]
    assert f"--model-repository={args.repository}" in container("triton")["command"]


def test_prometheus_finds_the_sidecars_page_by_the_pods_annotations() -> None:
    (port,) = container("charter")["ports"]
    annotations = pod()["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])
    assert f"--metrics=0.0.0.0:{port['containerPort']}" in container("charter")["command"]


def test_charter_runs_without_rights_on_a_file_system_that_it_cannot_write() -> None:
    sidecar = container("charter")["securityContext"]
    assert sidecar["runAsNonRoot"] and sidecar["readOnlyRootFilesystem"]
    assert sidecar["runAsUser"] == USER
    assert sidecar["capabilities"] == {"drop": ["ALL"]}
    service = services()["charter-engine"]
    assert service["read_only"] and service["cap_drop"] == ["ALL"]
    assert f"USER {USER}" in IMAGE


def test_what_charter_writes_lies_on_volumes() -> None:
    state = re.findall(r"CHARTER_STATE=(\S+)", IMAGE)[0]
    mounts = [one["mountPath"] for one in container("charter")["volumeMounts"]]
    assert any(Path(state).is_relative_to(mount) for mount in mounts)
    volumes = [filled(text).split(":")[1] for text in services()["charter-engine"]["volumes"]]
    assert any(Path(state).is_relative_to(mount) for mount in volumes)


def test_the_image_has_everything_that_the_wheel_is_built_from() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = set(re.findall(r"^COPY (\w+) \w+$", IMAGE, re.MULTILINE))
    assert {*wheel["packages"], *wheel["force-include"]} <= copied
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{name}" for name in copied} <= set(kept)


def test_the_health_check_asks_a_page_that_the_engine_answers() -> None:
    assert "http://127.0.0.1:9464/healthz" in IMAGE
    assert "--metrics=0.0.0.0:9464" in services()["charter-engine"]["command"]
