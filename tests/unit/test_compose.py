"""`docker-compose.yml` is valid YAML, and its command lines are ones the programs take."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from charter_engine.cli import build_parser
from charter_engine.commands.triton_options import triton_options
from charter_engine.triton.journals import place_beside
from charter_tui.cli import main as console

FILE = Path(__file__).parents[2] / "docker-compose.yml"
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
    options = triton_options(build_parser(arguments).parse_args(arguments))
    host, _, port = (options.url or "").partition(":")
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


def test_the_image_is_nvidias_public_one() -> None:
    image = filled(services()["triton"]["image"])
    assert re.fullmatch(r"nvcr\.io/nvidia/tritonserver:\d\d\.\d\d-trtllm-python-py3", image)
