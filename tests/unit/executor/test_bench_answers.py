"""Answers as written and as planned, side by side."""

import pytest

from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Plan
from charter_engine.executor.bench.answers import (
    GivenAnswer,
    GivenAnswers,
    Verdicts,
    ask,
    by_node,
    first_difference,
    pairs_of,
    verdict,
)
from charter_engine.executor.bench.measure import ServerLost
from charter_engine.executor.work import items_of
from charter_engine.triton.request import Generated, GenerateRequest
from tests.unit.executor.scripted import CHAIN, ScriptedTarget, refused, unreachable

PLAN = Plan(agent="a.py")
FIRST, SECOND = (0, ("first", 0)), (0, ("second", 0))
WRITTEN = {FIRST: GivenAnswer("one", 1), SECOND: GivenAnswer("a b", 2, after=(FIRST,))}


async def answered(target: ScriptedTarget) -> GivenAnswers:
    found = GivenAnswers()
    items = items_of(CHAIN, [{"document": "d0"}, {"document": "d1"}], PLAN)
    await ask(target, CompiledFile(path="a.py", calls=CHAIN), items, PLAN, "source", found)
    return found


async def test_every_call_is_asked_once_greedily_and_one_after_another() -> None:
    target = ScriptedTarget(seconds=0.001)
    found = await answered(target)
    assert list(found.found) == [FIRST, SECOND, (1, ("first", 0)), (1, ("second", 0))]
    assert found.found[SECOND] == GivenAnswer("<second>", 3, after=(FIRST,))
    assert target.most_in_flight == 1
    assert {request.sampling.top_k for request in target.asked} == {1}


async def test_a_request_that_fails_is_told_and_its_answer_is_missing() -> None:
    def second_fails(request: GenerateRequest) -> Generated | Exception:
        return refused() if request.node == "second" else Generated(text="x")

    found = await answered(ScriptedTarget(answer=second_fails))
    assert [node for _, (node, _) in found.found] == ["first", "first"]
    assert found.errors[0] == "too long a prompt"


async def test_a_server_that_no_longer_answers_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("charter_engine.executor.run.FIRST_BACKOFF_SECONDS", 0.0)
    with pytest.raises(ServerLost, match="source: stopped"):
        await answered(ScriptedTarget(answer=lambda _: unreachable()))


def test_a_pair_tells_where_its_answers_part() -> None:
    planned = {**WRITTEN, SECOND: GivenAnswer("a c", 2)}
    first, second = pairs_of(WRITTEN, planned)
    assert first.is_equal and not second.is_equal
    assert (second.differs_at, second.carried) == (2, False)


def test_what_follows_an_earlier_difference_is_told_apart() -> None:
    planned = {FIRST: GivenAnswer("two", 1), SECOND: GivenAnswer("c", 1)}
    pairs = pairs_of(WRITTEN, planned)
    assert [pair.carried for pair in pairs] == [False, True]
    assert verdict(pairs) == (
        "the plan changes 2 of 2 answers, 1 of them behind an earlier one that differs"
    )


def test_what_only_one_arm_answered_is_no_pair() -> None:
    assert pairs_of(WRITTEN, {}) == ()
    assert verdict(()).startswith("no call was answered both")


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [("", "", None), ("ab", "ab", None), ("ab", "ax", 1), ("ab", "abc", 2), ("", "a", 0)],
)
def test_the_first_difference_is_a_character(one: str, other: str, place: int | None) -> None:
    assert first_difference(one, other) == place


def test_figures_are_told_call_by_call_and_arm_by_arm() -> None:
    pairs = pairs_of(WRITTEN, {**WRITTEN, SECOND: GivenAnswer("{}", 4)})
    valid: Verdicts = {"written": [False, False], "planned": [False, True]}
    first, second = by_node(pairs, valid, None)
    assert (first.node, first.pairs, first.equal, first.written.passed) == ("first", 1, 1, None)
    assert (second.equal, second.written.valid_json, second.planned.valid_json) == (0, 0, 1)
    assert (second.written.tokens, second.planned.tokens) == (2, 4)
    assert by_node(pairs, valid, valid)[1].planned.passed == 1
