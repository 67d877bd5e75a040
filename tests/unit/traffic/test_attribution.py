"""Finding the node of a prompt without `charter_bls`."""

import pytest

from charter_engine.bls.plan import parse_plan
from charter_engine.contracts.graph import Call, Role, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.traffic.attribution import Attributed, Attribution, Message
from charter_engine.triton.bls_plan import compile_bls_plan


def call(name: str, role: Role) -> Call:
    """A call whose closing instruction stands in a message of this role."""
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=2,
        segments=(
            Segment(kind="static", text="You are a careful clerk.", role="system"),
            Segment(kind="static", text="The letter: ", role="user"),
            Segment(kind="variable", name="letter", role="user"),
            Segment(kind="static", text="Sort it by subject.", role=role),
        ),
    )


def attribution(*calls: Call) -> Attribution:
    plan = Plan(agent="a.py", nodes={item.id: NodePlan() for item in calls})
    return Attribution(parse_plan(compile_bls_plan(plan, calls, 1)).nodes.values())


def messages(*said: tuple[str, str]) -> list[Message]:
    return [Message(role, text) for role, text in said]


CLERK = ("system", "You are a careful clerk.")


def test_messages_are_known_by_their_texts() -> None:
    found = attribution(call("sort", "user")).of_messages(
        messages(CLERK, ("user", "The letter: Dear allSort it by subject."))
    )
    assert found == Attributed("sort", "as written")


def test_roles_tell_apart_what_texts_do_not() -> None:
    both = attribution(call("asked", "user"), call("told", "assistant"))
    last = "Sort it by subject."
    asked = messages(CLERK, ("user", f"The letter: Dear all{last}"))
    told = messages(CLERK, ("user", "The letter: Dear all"), ("assistant", last))
    assert both.of_messages(asked).node == "asked"
    assert both.of_messages(told).node == "told"


def test_the_role_of_a_developer_is_that_of_the_system() -> None:
    clerk = ("developer", "You are a careful clerk.")
    found = attribution(call("sort", "user")).of_messages(
        messages(clerk, ("user", "The letter: xSort it by subject."))
    )
    assert found.node == "sort"


@pytest.mark.parametrize("said", [[], [Message("user", "Hello")]])
def test_messages_of_no_node_are_told_why(said: list[Message]) -> None:
    found = attribution(call("sort", "user")).of_messages(said)
    assert found == Attributed(unmatched="begins like no node's prompt")
