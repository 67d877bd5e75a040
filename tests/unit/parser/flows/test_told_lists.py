"""The lists that may hold what some calls made."""

from charter_engine.parser.flows.told_lists import ToldLists
from charter_engine.parser.values.origins import Origin
from charter_engine.parser.values.values import Box, Element, Value


def answer(call: int) -> Element:
    return Element(Value(origins=frozenset((Origin(((call, ()),)),))))


def told_of(*boxes: Box) -> ToldLists:
    told = ToldLists()
    for box in boxes:
        told.look_at(box)
    return told


def test_a_list_is_found_by_the_calls_whose_answers_it_holds() -> None:
    first, second = Box("list", [answer(1)]), Box("list", [answer(2)])
    assert told_of(first, second).told_by({2}) == {id(second)}


def test_what_a_list_is_given_later_is_seen() -> None:
    box = Box("list", [answer(1)])
    told = told_of(box)
    assert told.told_by({2}) == set()
    box.items.append(answer(2))
    told.look_at(box)
    assert told.told_by({2}) == {id(box)}


def test_a_member_that_takes_the_place_of_another_is_seen() -> None:
    box = Box("list", [answer(1)])
    told = told_of(box)
    box.items[0] = answer(2)
    told.look_at(box)
    assert told.told_by({2}) == {id(box)}
    assert told.told_by({1}) == set()


def test_a_list_whose_members_hold_others_is_found_by_any_call() -> None:
    box = Box("list", [Element(Value(box=Box("dict")))])
    assert told_of(box).told_by({1}) == {id(box)}
