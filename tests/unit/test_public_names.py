"""The names that `import charter_engine` offers: loaded when asked for, documented, all of them."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import charter_engine

ROOT = Path(__file__).parents[2]
CLASSES = [
    charter_engine.Agent,
    charter_engine.AgentPlan,
    charter_engine.ConnectedDeployment,
    charter_engine.Result,
    charter_engine.WorkloadFile,
]


def public_methods(owner: type) -> list[str]:
    return [name for name in vars(owner) if not name.startswith("_")]


def loaded_by(code: str) -> set[str]:
    """The modules of Charter and Rich that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    return {name for name in done.stdout.split() if name.startswith(("charter_engine", "rich"))}


@pytest.mark.parametrize("name", charter_engine.__all__)
def test_every_public_name_is_there_and_has_a_docstring(name: str) -> None:
    assert inspect.getdoc(getattr(charter_engine, name))


@pytest.mark.parametrize("name", charter_engine.__all__)
def test_every_public_name_stands_in_the_documentation(name: str) -> None:
    assert f"`{name}" in (ROOT / "docs" / "api.md").read_text()


@pytest.mark.parametrize("owner", CLASSES, ids=lambda owner: owner.__name__)
def test_every_public_method_has_a_docstring_and_stands_in_the_documentation(owner: type) -> None:
    documents = (ROOT / "docs" / "api.md").read_text()
    for name in public_methods(owner):
        assert inspect.getdoc(getattr(owner, name)), name
        assert f"`{name.removesuffix('_async')}" in documents, name


@pytest.mark.parametrize("owner", CLASSES, ids=lambda owner: owner.__name__)
def test_every_method_that_waits_or_computes_has_both_forms(owner: type) -> None:
    names = public_methods(owner)
    waiting = [name for name in names if inspect.iscoroutinefunction(vars(owner)[name])]
    assert {name.removesuffix("_async") for name in waiting} <= set(names)
    reporting = [
        name
        for name in names
        if inspect.isfunction(vars(owner)[name])
        and "report" in inspect.signature(vars(owner)[name]).parameters
    ]
    assert {f"{name.removesuffix('_async')}_async" for name in reporting} <= set(names)


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    assert loaded_by("import charter_engine") == {"charter_engine"}
    assert loaded_by("from charter_engine import paths") == {
        "charter_engine",
        "charter_engine.paths",
    }


def test_a_name_loads_its_own_part_only() -> None:
    loaded = loaded_by("import charter_engine; charter_engine.CharterError")
    own = {"charter_engine.errors", "charter_engine.exit_codes"}
    assert loaded == {"charter_engine", *own}
    assert "charter_engine.service" not in loaded_by("import charter_engine; charter_engine.Agent")


def test_a_name_that_is_none_is_refused_as_of_any_module() -> None:
    with pytest.raises(AttributeError, match="module 'charter_engine' has no attribute 'nothing'"):
        _ = charter_engine.nothing  # type: ignore[attr-defined]


def test_the_public_names_are_told_to_whoever_looks_for_them() -> None:
    assert set(charter_engine.__all__) <= set(dir(charter_engine))
    assert charter_engine.__all__ == sorted(charter_engine.__all__)
