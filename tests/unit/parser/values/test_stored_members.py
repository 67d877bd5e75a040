"""Answers that a loop stores in the members of a list of which nothing else is known."""

import pytest

from tests.unit.parser.compiled import flows

RANKED = """
import json

def rank(items):
    {taken}
    scores = json.loads(ask(f"Rate these by weight: {{items}}"))
    by_name = {{one["name"]: (one["score"], one["why"]) for one in scores}}
    for {loop}:
        score, why = by_name.get(item["name"], (5, ""))
        item["score"] = score
    return {given}

def write(items):
    told = [{{"title": one["title"], "rank": one.get({read!r})}} for one in items]
    print(ask(f"Write about these: {{told}}"))

def main():
    write(rank(fetch()))

main()
"""


@pytest.mark.parametrize(
    ("taken", "loop", "given"),
    [
        ("first = items", "item in items", "items"),
        ("first = items[:10]", "item in first", "items"),
        ("first = sorted(items)[:10]", "item in first[:5]", "first"),
        ("first = items[:10]", "place, item in enumerate(first)", "[*items][:3]"),
    ],
)
def test_what_a_loop_stores_in_the_members_of_a_list_stays_there(
    taken: str, loop: str, given: str
) -> None:
    def heard(read: str) -> set[str]:
        return flows(RANKED.format(taken=taken, loop=loop, given=given, read=read))

    assert heard("score") == {"rank > write"}
    assert heard("kind") == set()


def test_a_record_that_a_loop_makes_itself_is_no_member_of_what_it_goes_through() -> None:
    source = RANKED.format(taken="", loop="item in items", given="items", read="score")
    made = source.replace('item["score"]', "item = dict(item)\n        item['score']")
    assert flows(made) == set()
