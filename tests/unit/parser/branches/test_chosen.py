"""What is taken out of records in a list, a dict or an object: one field goes on, and no other."""

import pytest

from tests.unit.parser.compiled import joined

RANKED = """
import heapq
from dataclasses import dataclass
from typing import NamedTuple

CLASS
def run(topics):
    found = []
    for topic in topics:
        text = ask("Write: " + topic)
        score = float(ask("Rate: " + topic))
        found.append(RECORD)
    best = CHOICE
    return ask("Join: " + best.text)
"""

FOUND = {
    "sorted": "sorted(found, key=lambda one: one.score)[0]",
    "filter": "list(filter(lambda one: one.score > 5, found))[0]",
    "nlargest": "heapq.nlargest(1, found, key=lambda one: one.score)[0]",
    "max": "max(found, key=lambda one: one.score)",
    "next": "next((one for one in found if one.score > 5), None)",
    "loop": "[one for one in found if one.score > 5][0]",
}


@pytest.mark.parametrize("choice", FOUND)
@pytest.mark.parametrize(
    "declared",
    [
        "@dataclass\nclass Found:\n    text: str\n    score: float\n",
        "class Found(NamedTuple):\n    text: str\n    score: float\n",
    ],
)
def test_of_objects_that_are_ranked_only_the_field_that_is_read_goes_on(
    declared: str, choice: str
) -> None:
    source = RANKED.replace("CLASS", declared).replace("CHOICE", FOUND[choice])
    for record in ("Found(text, score)", "Found(score=score, text=text)"):
        assert joined(source.replace("RECORD", record)) == {"Write > Join"}


@pytest.mark.parametrize("choice", FOUND)
def test_nor_does_another_key_of_dicts(choice: str) -> None:
    chosen = FOUND[choice].replace("one.score", 'one["score"]')
    source = (
        RANKED.replace("CLASS", "").replace("CHOICE", chosen).replace("best.text", 'best["text"]')
    )
    record = '{"text": text, "score": score}'
    assert joined(source.replace("RECORD", record)) == {"Write > Join"}


def test_an_object_that_is_told_whole_goes_on_with_all_of_its_fields() -> None:
    declared = "@dataclass\nclass Found:\n    text: str\n    score: float\n"
    source = RANKED.replace("CLASS", declared).replace("CHOICE", FOUND["sorted"])
    source = source.replace("RECORD", "Found(text, score)").replace(
        '" + best.text', '" + str(best)'
    )
    assert joined(source) == {"Write > Join", "Rate > Join"}


GROUPED = """
def run(topics):
    groups = {}
    for topic in topics:
        groups.setdefault("good", []).append(ask("Praise: " + topic))
        groups.setdefault("bad", []).append(ask("Blame: " + topic))
    first = ask(f"Join: {groups['good']}")
    return first, ask(f"Merge: {groups['bad']}")
"""


def test_what_a_dict_is_given_under_a_key_by_default_stays_under_that() -> None:
    assert joined(GROUPED) == {"Praise > Join", "Blame > Merge"}
