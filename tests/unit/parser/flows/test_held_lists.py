"""The lists that modules, a session and objects hold."""

from charter_engine.parser.flows.held_lists import HeldLists
from charter_engine.parser.flows.memory import SESSION, Memory
from charter_engine.parser.values.values import Box, Value

PATH = "agent.py"


def holding(names: dict[str, Value]) -> Memory:
    memory = Memory()
    memory.globals[PATH] = {}
    memory.names_of(PATH).update(names)
    return memory


def test_what_a_module_holds_is_held() -> None:
    box = Box("list")
    held = HeldLists(holding({"notes": Value(box=box)}))
    assert [value.box for value in held.look()] == [box]
    assert held.is_held(box)


def test_a_list_under_a_key_is_held() -> None:
    box = Box("list")
    held = HeldLists(holding({"talks": Value(box=Box("dict", fields={"key": Value(box=box)}))}))
    held.look()
    assert held.is_held(box)


def test_what_an_object_holds_is_held() -> None:
    memory, box = Memory(), Box("list")
    memory.opened[1] = Box("object", fields={"notes": Value(box=box)})
    held = HeldLists(memory)
    held.look()
    assert held.is_held(box)


def test_a_list_that_another_takes_the_place_of_is_held_no_longer() -> None:
    first, second = Box("list"), Box("list")
    memory = holding({"notes": Value(box=first)})
    held = HeldLists(memory)
    held.look()
    memory.names_of(PATH)["notes"] = Value(box=second)
    assert [value.box for value in held.look()] == [second]
    assert not held.is_held(first)


def test_what_was_not_opened_is_not_looked_at_again() -> None:
    memory, box = holding({"notes": Value(box=Box("list"))}), Box("list")
    held = HeldLists(memory)
    held.look()
    assert held.look() == []
    memory.shared_box(SESSION).fields["talk"] = Value(box=box)
    assert [value.box for value in held.look()] == [box]
