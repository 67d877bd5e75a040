"""Inputs nobody has sent before."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.executor.bench.novel_inputs import unseen_inputs

DOCUMENT = "\n\n".join(
    f"Paragraph {n} holds " + " ".join(f"word{n}x{i}" for i in range(40)) for n in range(4)
)


def test_equal_seeds_give_equal_inputs_and_others_other_ones() -> None:
    assert unseen_inputs({"document": DOCUMENT}, 3) == unseen_inputs({"document": DOCUMENT}, 3)
    assert unseen_inputs({"document": DOCUMENT}, 3) != unseen_inputs({"document": DOCUMENT}, 4)


def test_long_text_keeps_its_words_paragraph_by_paragraph() -> None:
    changed = unseen_inputs({"document": DOCUMENT}, 1)["document"]
    for old, new in zip(DOCUMENT.split("\n\n"), changed.split("\n\n"), strict=True):
        assert Counter(old.split()) == Counter(new.split())


def test_no_two_of_a_hundred_share_more_than_a_few_leading_words() -> None:
    heads = [tuple(unseen_inputs({"d": DOCUMENT}, seed)["d"].split()[:4]) for seed in range(100)]
    assert len(set(heads)) == 100


def test_short_values_keep_their_shape() -> None:
    row = {"company": "TechCorp", "revenue": "$10M", "staff": "50"}
    changed = unseen_inputs({"rows": [row]}, 5)["rows"][0]
    assert changed.keys() == row.keys()
    assert (
        changed["revenue"][0] == "$"
        and changed["revenue"][1:3].isdigit()
        and changed["revenue"][3].isupper()
    )
    assert changed["company"] != "TechCorp"


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists), st.integers(0, 9))
def test_anything_json_may_hold_keeps_its_type(value: object, seed: int) -> None:
    assert type(unseen_inputs({"value": value}, seed)["value"]) is type(value)
