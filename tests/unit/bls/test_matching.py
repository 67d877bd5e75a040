"""Finding a prompt's node by its static text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls import matching
from charter_engine.bls.matching import NodeIndex, PrefixTree, align, known_prefix
from charter_engine.bls.plan import Form, Node

TEXT = st.text(alphabet="ab \n", max_size=12)
PIECES = st.lists(st.one_of(st.none(), TEXT), min_size=1, max_size=6)


def node(name: str, *pieces: str | None) -> Node:
    return Node(name=name, forms=(Form(pieces, tuple(range(len(pieces)))),))


@given(st.lists(TEXT, unique=True), TEXT)
def test_a_prefix_tree_finds_every_key_that_begins_a_text_longest_first(
    keys: list[str], text: str
) -> None:
    tree: PrefixTree[str] = PrefixTree()
    for key in keys:
        tree.add(key, key)
    expected = sorted((key for key in keys if text.startswith(key)), key=len, reverse=True)
    assert [value for values in tree.longest_first(text) for value in values] == expected


@given(PIECES, st.data())
def test_a_prompt_made_of_pieces_aligns_with_them(
    pieces: list[str | None], data: st.DataObject
) -> None:
    texts = [data.draw(TEXT) if piece is None else piece for piece in pieces]
    prompt = "".join(texts)
    ends = align(tuple(pieces), prompt)
    if ends is None:
        # A variable that holds the static text behind it may mislead, but only then.
        assert any(
            piece and piece in text for piece in pieces for text in texts if piece is not None
        )
        return
    assert list(ends) == sorted(ends)
    starts = (0, *ends)
    for piece, start, end in zip(pieces, starts, ends, strict=False):
        assert piece is None or prompt[start:end] == piece
    assert ends[-1] == len(prompt)


@given(st.lists(PIECES, min_size=1, max_size=12), st.data())
def test_lines_rule_out_no_form_that_fits(
    forms: list[list[str | None]], data: st.DataObject
) -> None:
    index = NodeIndex(node(str(number), *pieces) for number, pieces in enumerate(forms))
    pieces = data.draw(st.sampled_from(forms))
    prompt = "".join(data.draw(TEXT) if piece is None else piece for piece in pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "FEW", 0)
        narrowed = index.find(prompt)
        patch.setattr(matching, "FEW", len(forms))
        assert narrowed == index.find(prompt)


def test_the_longest_static_prefix_wins() -> None:
    index = NodeIndex([node("short", "You are", None), node("long", "You are an expert", None)])
    match = index.find("You are an expert in law")
    assert match is not None and match.node.name == "long"
    match = index.find("You are here")
    assert match is not None and match.node.name == "short"


def test_nodes_with_one_prefix_are_told_apart_by_their_closing_text() -> None:
    index = NodeIndex(
        [node("names", "System.\n", None, "\nNames:"), node("dates", "System.\n", None, "\nDates:")]
    )
    match = index.find("System.\nA long report\nDates:")
    assert match is not None and match.node.name == "dates"


def test_static_text_in_the_middle_must_be_there() -> None:
    index = NodeIndex([node("two", "Start ", None, " MIDDLE ", None, " end")])
    assert index.find("Start one end") is None
    match = index.find("Start one MIDDLE two end")
    assert match is not None and match.ends == (6, 9, 17, 20, 24)


def test_two_nodes_that_fit_alike_are_no_match() -> None:
    index = NodeIndex([node("one", "Same ", None), node("other", "Same ", None)])
    assert index.find("Same text") is None


def test_the_node_that_pins_down_more_of_the_prompt_wins() -> None:
    index = NodeIndex(
        [node("plain", "A ", None, " Z"), node("detailed", "A ", None, " and then ", None, " Z")]
    )
    match = index.find("A one and then two Z")
    assert match is not None and match.node.name == "detailed"


def test_a_prompt_in_source_order_is_found_too() -> None:
    planned = Form(("Task. ", "System. ", None), (0, 1, 2))
    source = Form(("System. ", "Task. ", None), (1, 0, 2))
    match = NodeIndex([Node(name="n", forms=(planned, source))]).find("System. Task. text")
    assert match is not None and match.form is source


def test_a_prompt_of_nobody_matches_nothing() -> None:
    assert NodeIndex([node("n", "Hello ", None)]).find("Goodbye") is None
    assert NodeIndex([]).find("Goodbye") is None


def test_the_static_pieces_that_begin_a_prompt_are_known_even_if_the_rest_is_not() -> None:
    assert known_prefix(("ab", "cd", None, "ef"), "abcd something else") == (2, 4)
    assert known_prefix(("ab", "cd", None), "abXX") == (2,)


def test_an_unmatched_prompt_is_told_why_without_its_text() -> None:
    nodes = [node("one", "Same ", None, " end"), node("other", "Same ", None, " end")]
    index = NodeIndex([*nodes, node("third", "Third ", None, " stop")])
    assert index.find_or_why("Same text end") == "fits one and other alike"
    assert (
        index.find_or_why("Third text")
        == "begins like third, whose other fixed text is not all there"
    )
    assert index.find_or_why("Secret words") == "begins like no node's prompt"


def test_one_node_that_fits_in_two_forms_is_a_match() -> None:
    both = Node(name="n", forms=(Form(("A ", None), (0, 1)), Form(("A ", None), (1, 0))))
    match = NodeIndex([both]).find("A text")
    assert match is not None and match.form is both.forms[0]
