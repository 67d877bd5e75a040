"""Who may import whom.

By import-linter's contracts, and by looking at what a fresh interpreter has loaded.
"""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import charter_engine
import charter_tui

ROOT = Path(__file__).parents[2]
ALLOWED_FROM_ENGINE = ("charter_engine.contracts", "charter_engine.service")
SERVICE_CLIENT = "charter_engine.service.client"


def modules_of(package: object) -> list[str]:
    """Every module of a package that can be imported without running a program."""
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    found = (module.name for module in pkgutil.walk_packages(path, f"{name}."))
    return [
        name,
        *(item for item in found if not item.endswith("__main__") and ".models." not in item),
    ]


IMPORT_ALL = """
import importlib
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "triton_python_backend_utils":
            raise
"""
"""Triton's own module exists only inside its Python backend."""

MAIN = """
from charter_tui.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
"""


def loaded_after(code: str) -> set[str]:
    """The modules a fresh interpreter has loaded after `code`."""
    script = (
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}\nprint(chr(0), *sys.modules, "
        "file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.rpartition(chr(0))[2].split())


def test_the_contracts_of_import_linter_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_of_the_engine_imports_textual() -> None:
    loaded = loaded_after(IMPORT_ALL.format(names=modules_of(charter_engine)))
    assert not [name for name in loaded if name.split(".")[0] in ("textual", "charter_tui")]


BEGINNING = {f"charter_engine.{name}" for name in ("command_line", "exit_codes", "interrupts")}
"""What both programs begin and end with."""


def test_the_console_imports_of_the_engine_only_contracts_and_the_service_client() -> None:
    loaded = loaded_after(f"import {', '.join(modules_of(charter_tui))}")
    client = loaded_after(f"import {SERVICE_CLIENT}")
    engine = {name for name in loaded if name.startswith("charter_engine.")}
    assert SERVICE_CLIENT in engine
    beyond = engine - client - BEGINNING
    assert not [name for name in beyond if not name.startswith("charter_engine.contracts")]


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_do_without_textual(argument: str) -> None:
    loaded = loaded_after(MAIN.format(arguments=[argument]))
    assert "charter_tui.cli" in loaded
    assert not loaded & {"textual", "rich"}


def test_headless_recording_does_without_textual(tmp_path: Path) -> None:
    arguments = [
        "--record",
        str(tmp_path / "x.charter"),
        "--headless",
        "--attach",
        str(tmp_path / "nobody"),
    ]
    loaded = loaded_after(MAIN.format(arguments=arguments))
    assert "charter_tui.headless" in loaded
    assert "textual" not in loaded


def test_the_console_does_without_openssl() -> None:
    loaded = loaded_after(
        "from charter_tui.cli import without_openssl\n"
        "with without_openssl():\n    import charter_tui.opening"
    )
    assert not loaded & {"ssl", "_ssl", "_hashlib"}


def test_what_the_screens_say_does_without_textual() -> None:
    import charter_tui.present as present

    loaded = loaded_after(
        f"import {', '.join(modules_of(present))}, charter_tui.state, charter_tui.typed"
    )
    assert "charter_tui.present.tuning" in loaded
    assert "textual" not in loaded
