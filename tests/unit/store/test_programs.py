"""The files that a program is made of, and the programs of a folder."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from charter_engine.store.packages import imports_in
from charter_engine.store.parsed import ParsedSources
from charter_engine.store.programs import Programs, told_apart

MAIN = "if __name__ == '__main__':\n    run()\n"


def written(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def programs() -> Programs:
    return Programs(lambda path: imports_in(path, Path(path).read_bytes(), ParsedSources()))


def names(folder: Path, entry: str) -> list[str]:
    return [
        str(Path(path).relative_to(folder)) for path in programs().files_of(str(folder / entry))
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "import desk.steps",
        "from desk import steps",
        "from desk.steps import ask",
        "def run():\n    from desk.steps import ask",
        "try:\n    import desk.steps\nexcept ImportError:\n    pass",
    ],
)
def test_what_an_entry_point_imports_in_any_way_belongs_to_it(
    tmp_path: Path, statement: str
) -> None:
    written(tmp_path, {"main.py": statement, "desk/steps.py": "", "desk/other.py": ""})
    assert names(tmp_path, "main.py") == ["desk/steps.py", "main.py"]


def test_imports_are_followed_from_file_to_file_and_in_circles(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": "import a", "a.py": "import b", "b.py": "import a", "c.py": ""})
    assert names(tmp_path, "main.py") == ["a.py", "b.py", "main.py"]


def test_relative_imports_count_from_the_importing_file(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "desk/__init__.py": "",
            "desk/__main__.py": "from .flows import run",
            "desk/flows/__init__.py": "from ..steps import ask",
            "desk/steps.py": "",
        },
    )
    assert names(tmp_path, "desk/__main__.py") == [
        "desk/__main__.py",
        "desk/flows/__init__.py",
        "desk/steps.py",
    ]


def test_a_module_imports_its_package_by_name_wherever_that_stands(tmp_path: Path) -> None:
    written(tmp_path, {"desk/flows/run.py": "from desk.steps import ask", "desk/steps.py": ""})
    assert names(tmp_path, "desk/flows/run.py") == ["desk/flows/run.py", "desk/steps.py"]


def test_what_an_example_imports_of_the_library_around_it_is_not_its_own(tmp_path: Path) -> None:
    written(tmp_path, {"examples/run.py": "import desk", "desk/__init__.py": ""})
    assert names(tmp_path, "examples/run.py") == ["examples/run.py"]


def test_a_module_of_the_standard_library_is_not_the_file_of_that_name(tmp_path: Path) -> None:
    written(tmp_path, {"main.py": "import json", "json.py": ""})
    assert names(tmp_path, "main.py") == ["main.py"]


def test_programs_that_lead_to_the_same_calls_are_one(tmp_path: Path) -> None:
    written(
        tmp_path,
        {
            "cli.py": "import steps\n" + MAIN,
            "web.py": "import steps\n" + MAIN,
            "judge.py": "import steps, verdict\n" + MAIN,
            "steps.py": "",
            "verdict.py": "",
        },
    )
    files = [str(path) for path in sorted(tmp_path.glob("*.py"))]
    steps, verdict = str(tmp_path / "steps.py"), str(tmp_path / "verdict.py")
    assert told_apart(files, {steps}, programs()) == [str(tmp_path / "cli.py")]
    assert told_apart(files, {steps, verdict}, programs()) == [str(tmp_path / "judge.py")]
