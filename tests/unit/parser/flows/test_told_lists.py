"""The lists that may hold what some calls made."""

from charter_engine.parser.flows.told_lists import ToldLists
from charter_engine.parser.values.origins import Origin
from charter_engine.parser.values.values import Box, Element, Value


def answer(call: int) -> Element:
    return Element(Value(origins=frozenset((Origin(((call, ()),)),))))


def numbered(*boxes: Box) -> dict[int, Box]:
    return dict(enumerate(boxes))


def test_a_list_is_found_by_the_calls_whose_answers_it_holds() -> None:
    lists = numbered(Box("list", [answer(1)]), Box("list", [answer(2)]))
    assert ToldLists(lists).told_by({2}) == [1]


def test_what_a_list_is_given_later_is_seen() -> None:
    lists = numbered(Box("list", [answer(1)]))
    told = ToldLists(lists)
    assert told.told_by({2}) == []
    lists[0].items.append(answer(2))
    assert told.told_by({2}) == [0]


def test_a_member_that_takes_the_place_of_another_is_seen() -> None:
    lists = numbered(Box("list", [answer(1)]))
    told = ToldLists(lists)
    assert told.told_by({2}) == []
    lists[0].items[0] = answer(2)
    assert told.told_by({2}) == [0]


def test_a_list_whose_members_hold_others_is_found_by_any_call() -> None:
    lists = numbered(Box("list", [Element(Value(box=Box("dict")))]))
    assert ToldLists(lists).told_by({1}) == [0]


def test_lists_are_found_in_the_order_in_which_they_came() -> None:
    lists = {9: Box("list", [answer(1)]), 3: Box("list", [answer(2)])}
    told = ToldLists(lists)
    told.told_by({1})
    lists[5] = Box("list", [answer(1)])
    assert told.told_by({1, 2}) == [9, 3, 5]
