"""Wheel and sdist: they build, hold what they need, and start where nothing else of Charter is."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(source: Path, directory: Path, *kinds: str) -> Path:
    """Build what is asked for into a directory; gives the wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(directory)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (built,) = directory.glob("charter_kv-*.whl")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as `make dist` builds it, beside its sdist."""
    directory = tmp_path_factory.mktemp("dist")
    return build(ROOT, directory, "--sdist", "--wheel")


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' directory in an environment that holds the wheel and no other Charter.

    What Charter depends on comes from the environment the tests run in, so no index is needed.
    """
    directory = tmp_path_factory.mktemp("environment")
    venv.create(directory)
    python = directory / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    packages = sysconfig.get_path("purelib", vars={"base": str(directory)})
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def run(programs: Path, tmp_path: Path, *command: str) -> str:
    """Standard output of a program that ends well, run away from the checkout."""
    ended = subprocess.run(
        [str(programs / command[0]), *command[1:]],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CHARTER_STATE": str(tmp_path)},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize(
    "name",
    [
        "charter_engine/py.typed",
        "charter_tui/py.typed",
        "charter_tui/charter.tcss",
        "charter_tui/themes/charter-dark.toml",
        "charter_engine/examples/agents/document_processor.py",
        "charter_engine/examples/notebook.ipynb",
        "charter_engine/examples/documents/01-harbour-notice.txt",
        "charter_engine/examples/workloads/document_processor.jsonl",
        "charter_engine/plan/presets/latency.toml",
        "charter_engine/bls/contract.py",
        "charter_engine/embedded/models/charter_bls/config.pbtxt",
        "charter_engine/embedded/models/charter_bls/1/model.py",
        "charter_engine/embedded/engine/tokenizer.json",
    ],
)
def test_the_wheel_holds_what_programs_read_at_run_time(wheel: Path, name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert name in archive.namelist()


def test_a_second_build_gives_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    assert build(ROOT, tmp_path, "--wheel").read_bytes() == wheel.read_bytes()


def test_the_sdist_builds_into_the_wheel_but_for_machine_code(wheel: Path, tmp_path: Path) -> None:
    (sdist,) = wheel.parent.glob("charter_kv-*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    built = build(source, tmp_path, "--wheel")
    names = [set(zipfile.ZipFile(one).namelist()) for one in (wheel, built)]
    assert names[1] == {name for name in names[0] if not name.endswith(".o")}


def test_the_base_install_needs_neither_the_embedded_triton_nor_a_compiler(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        needed = re.findall(
            r"^Requires-Dist: ([\w-]+)[^;\n]*$", archive.read(name).decode(), re.MULTILINE
        )
    assert "textual" in needed
    assert "nvidia-pytriton" not in needed
    assert "numba" not in needed


def test_the_wheel_holds_no_tests(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if name.startswith(("tests/", "scripts/"))]


def test_the_installed_engine_tells_its_version(
    wheel: Path, programs: Path, tmp_path: Path
) -> None:
    version = wheel.name.split("-")[1]
    assert version in run(programs, tmp_path, "charter-engine", "version")


def test_the_installed_engine_is_not_the_checkout(programs: Path, tmp_path: Path) -> None:
    where = run(
        programs, tmp_path, "python", "-c", "import charter_tui; print(charter_tui.__file__)"
    )
    assert Path(where).is_relative_to(programs.parent)


def test_the_installed_engine_compiles_an_example_that_came_with_it(
    programs: Path, tmp_path: Path
) -> None:
    (agent,) = programs.parent.glob("lib/*/site-packages/**/agents/document_processor.py")
    printed = run(programs, tmp_path, "charter-engine", "compile", str(agent), "--json")
    assert len(json.loads(printed)["files"][0]["calls"]) == 3


def test_the_installed_console_shows_its_options(programs: Path, tmp_path: Path) -> None:
    assert "--replay" in run(programs, tmp_path, "charter-tui", "--help")
