"""Where servers differ: the path, both values, and what to do."""

from pathlib import Path

from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.fleet.comparison import (
    MOST_PLAN_FIELDS,
    ServerFacts,
    differences,
    remedy_of,
)
from charter_engine.fleet.looking import config_values, plan_values


def facts(server: str, **values: str) -> ServerFacts:
    return ServerFacts(server, values)


def planned(server: str, *priorities: int) -> ServerFacts:
    nodes = {
        f"node{number}": NodePlan(decode_priority=priority)
        for number, priority in enumerate(priorities)
    }
    return ServerFacts(server, plan_values(Plan(agent="desk.py", nodes=nodes)))


def test_servers_that_are_alike_differ_in_nothing() -> None:
    assert differences([facts("one", version="2.51"), facts("two", version="2.51")]) == ()


def test_the_one_that_differs_is_told_with_both_values() -> None:
    found = differences([facts("one", a="1"), facts("two", a="2"), facts("three", a="2")])
    assert [(one.server, one.path, one.usual, one.found) for one in found] == [
        ("one", "a", "2", "1")
    ]


def test_of_two_the_first_is_what_the_other_is_compared_with() -> None:
    (found,) = differences([facts("one", a="1"), facts("two", a="2")])
    assert (found.server, found.usual, found.found) == ("two", "1", "2")


def test_what_only_some_have_is_told_as_none_with_the_others() -> None:
    (found,) = differences([facts("one", a="1"), facts("two")])
    assert (found.server, found.usual, found.found) == ("two", "1", "none")


def test_a_plan_that_differs_in_a_field_is_told_by_that_field() -> None:
    (found,) = differences([planned("one", 35), planned("two", 60)])
    assert (found.path, found.usual, found.found) == (
        "plan.nodes.node0.decode_priority",
        "35",
        "60",
    )
    assert "push" in found.remedy


def test_another_plan_is_told_as_another_plan() -> None:
    nodes = range(MOST_PLAN_FIELDS + 1)
    found = differences([planned("one", *nodes), planned("two", *(70 for _ in nodes))])
    assert [one.path for one in found] == ["plan"]


def test_a_server_without_a_plan_is_told_once() -> None:
    none = ServerFacts("two", plan_values(None))
    found = differences([planned("one", *range(9)), none])
    assert [(one.path, one.found) for one in found] == [("plan", "none")]


def test_two_pushes_of_one_plan_are_alike_and_folders_of_their_own_are_no_difference() -> None:
    def served(root: str, revision: int) -> dict[str, str]:
        shown = (
            f'{{"parameters": {{"charter_revision": {{"string_value": "{revision}"}}, '
            f'"gpt_model_path": {{"string_value": "{root}/engine"}}}}}}'
        )
        return config_values({"tensorrt_llm": shown}, Path(root) / "models")

    assert served("/srv/one", 3) == served("/srv/two", 5) != {}


def test_every_kind_of_difference_says_what_makes_servers_alike() -> None:
    paths = ("server version", "models", "block size", "plan", "tensorrt_llm/config.pbtxt x")
    assert all(remedy_of(path) for path in paths)
    assert "tokens_per_block" in remedy_of("block size")
