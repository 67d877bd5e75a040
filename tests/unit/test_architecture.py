"""ARCHITECTURE.md says what is there: every room in its order, and tests that exist."""

import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of one section."""
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def floors() -> list[set[str]]:
    """The rooms of the layers contract, from the top."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [set(layer.split(" : ")) for layer in layers]


def test_the_rooms_are_those_of_the_layers_contract_in_its_order() -> None:
    named = re.findall(r"^\| `(\w+)` \|", section("The rooms"), flags=re.MULTILINE)
    assert set(named) == set().union(*floors())
    place = {room: number for number, floor in enumerate(floors()) for room in floor}
    assert [place[room] for room in named] == sorted(place[room] for room in named)


def test_every_room_is_there() -> None:
    for room in set().union(*floors()):
        package = ROOT / "charter_engine" / room
        assert package.is_dir() or package.with_suffix(".py").is_file(), room


def test_the_tests_it_names_exist() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")
    )
    written = set(re.findall(r"def (test_\w+)", sources))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert named
    assert named <= written, named - written


def test_no_class_name_stands_twice() -> None:
    sources = [*(ROOT / "charter_engine").rglob("*.py"), *(ROOT / "charter_tui").rglob("*.py")]
    names = Counter(
        name
        for path in sources
        for name in re.findall(
            r"^class (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE
        )
    )
    assert [name for name, times in names.items() if times > 1] == []
