"""Laying out prompts that come as written, and the calls they continue."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls import laying as reasons
from charter_engine.bls.arms import CONTROL, TREATED, arm_of, unit_of
from charter_engine.bls.continuing import (
    DIFFERS,
    NOT_AS_PLANNED,
    OTHER_INSTANCE,
    SEVERAL_CALLS,
    TOO_LITTLE,
    UNKNOWN_CALL,
    Continuing,
)
from charter_engine.bls.earlier import Contents, EarlierCall, EarlierCalls
from charter_engine.bls.plan import (
    AS_PLANNED,
    AS_WRITTEN,
    CONTINUATION,
    OWN_RUNS,
    Form,
    Node,
    ServedPlan,
)
from charter_engine.bls.prompt import Arrival, Preparer, Prompt
from charter_engine.bls.rearrangement import Rearrangement
from charter_engine.bls.retention import SegmentRange, SegmentRetention
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from tests.unit.bls.hostile import continued, reordered

TOKENIZER = Tokenizer(tokenizer_path())


def form(name: str, *pieces: str | None) -> Form:
    return Form(pieces, tuple(range(len(pieces))), name)


EXTRACT = Node(
    "extract",
    (
        form(AS_PLANNED, "Rules.\n", "Extract names.\n", None, "\nNames:"),
        form(AS_WRITTEN, "Rules.\n", None, "\n", "Extract names.\n", "Names:"),
    ),
    rearrangement=Rearrangement((None, None, 1, None)),
    retention=SegmentRetention((SegmentRange(0, 1, 80),)),
)
CHECK = Node(
    "check",
    (
        form(
            CONTINUATION, "Rules.\n", "Extract names.\n", None, "\nNames:", None, "\nCheck:", None
        ),
        form(AS_WRITTEN, "Rules.\nOf: ", None, "\nThese: ", None, "\nMind: ", None),
    ),
    rearrangement=Rearrangement(
        (None, None, None, None, None, None, 5), "extract", 5, ((1, 2), (3, 4))
    ),
    retention=SegmentRetention((SegmentRange(0, 1, 80), SegmentRange(6, None, 10))),
)
UNTOUCHED = Node(
    "untouched", (form(AS_PLANNED, "Sum: ", None), form(AS_WRITTEN, None, " is the sum"))
)
PLAN = ServedPlan(nodes={node.name: node for node in (EXTRACT, CHECK, UNTOUCHED)})
WRITTEN = "Rules.\nAnn met Bob.\nExtract names.\nNames:"
PLANNED = "Rules.\nExtract names.\nAnn met Bob.\nNames:"
CHECKED = "Rules.\nOf: Ann met Bob.\nThese: Ann, Bob\nMind: spelling"


def preparer(instances: int = 1, share: float = 1.0) -> Preparer:
    return Preparer(ServedPlan(nodes=PLAN.nodes, share=share), TOKENIZER, instances)


def sent(by: Preparer, text: str, session: str = "", answer: str | None = None) -> Prompt:
    """Prepare a prompt, and have it answered."""
    prompt = by.prepare(Arrival(text=text, session=session))
    if answer is not None:
        output = TOKENIZER.encode(answer, begins_prompt=False)[0]
        tokens: Any = np.asarray(prompt.token_ids, np.int32)
        answered = Prompt(
            tokens, prompt.node, {}, laying=prompt.laying, token_ends=prompt.token_ends
        )
        by.answered(answered, session, output, answer)
    return prompt


@given(st.integers(0, 2**64))
def test_no_reordered_prompt_is_sent_with_other_content_than_planned(seed: int) -> None:
    outcome = reordered(random.Random(seed))
    assert outcome.laying.texts in (None, outcome.expected)


@given(st.integers(0, 2**64))
def test_no_prompt_continues_another_call_than_its_own(seed: int) -> None:
    outcome, tokens = continued(random.Random(seed))
    if outcome.laying.texts is not None:
        assert outcome.laying.texts == outcome.expected
        assert outcome.laying.earlier is not None and tokens is not None
        assert outcome.laying.earlier.token_ids.tolist() == tokens.tolist()


def test_hostile_sessions_are_laid_out_often_enough_to_mean_something() -> None:
    laid_out = [
        outcome.laying.texts is not None
        for seed in range(400)
        for outcome in (reordered(random.Random(seed)), continued(random.Random(seed))[0])
    ]
    assert sum(laid_out) > 150


def test_a_prompt_as_written_is_sent_as_planned() -> None:
    prompt = sent(preparer(), WRITTEN)
    assert TOKENIZER.decode(prompt.token_ids) == PLANNED
    assert (prompt.node, prompt.form, prompt.laying.reason) == ("extract", AS_WRITTEN, "")


def test_retention_follows_the_planned_order() -> None:
    prompt = sent(preparer(), WRITTEN)
    (end,) = prompt.retention["retention_token_range_ends"]
    assert TOKENIZER.decode(prompt.token_ids[:end]) == "Rules.\nExtract names.\n"


def test_a_prompt_goes_on_from_the_very_tokens_of_the_call_whose_pieces_it_repeats() -> None:
    by = preparer()
    first = sent(by, WRITTEN, answer="Ann, Bob")
    second = sent(by, CHECKED)
    answer = TOKENIZER.encode("Ann, Bob", begins_prompt=False)[0]
    own = TOKENIZER.encode("\nCheck:spelling", begins_prompt=False)[0]
    assert list(second.token_ids) == [*first.token_ids, *answer, *own]


def test_retention_of_a_continued_prompt_counts_its_earlier_calls_tokens() -> None:
    by = preparer()
    sent(by, WRITTEN, answer="Ann, Bob")
    second = sent(by, CHECKED)
    start, last = second.retention["retention_token_range_starts"]
    assert second.retention["retention_token_range_ends"][1] == -1
    assert start == 0 and TOKENIZER.decode(second.token_ids[last:]) == "spelling"


def refused(case: str) -> str:
    """The reason why a prompt that continues a call goes on as it came."""
    by = preparer(instances=2 if case == "instances" else 1)
    if case in {"unknown", "instances"}:
        return sent(by, CHECKED).laying.reason
    if case == "differs":
        sent(by, WRITTEN, "s", answer="Ann and Bob")
        return sent(by, CHECKED, "s").laying.reason
    if case == "another session":
        sent(by, WRITTEN, "other", answer="Ann, Bob")
        return sent(by, CHECKED, "s").laying.reason
    return sent(by, CHECKED.replace("spelling", "it\nMind: spelling")).laying.reason


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("unknown", UNKNOWN_CALL),
        ("instances", OTHER_INSTANCE),
        ("differs", DIFFERS),
        ("another session", UNKNOWN_CALL),
        ("several ways", reasons.SEVERAL_WAYS),
    ],
)
def test_a_prompt_that_goes_on_as_it_came_says_why(case: str, reason: str) -> None:
    assert refused(case) == reason


def test_a_prompt_in_doubt_is_sent_unchanged() -> None:
    text = "Rules.\nOf: Ann\nThese: Bob\nThese: Carl\nMind: spelling"
    prompt = sent(preparer(), text)
    assert prompt.laying.reason == reasons.SEVERAL_WAYS
    assert TOKENIZER.decode(prompt.token_ids) == text


def chosen(*calls: EarlierCall, answer: str = "", doubtful: str | None = None) -> str:
    """Why none of these calls is continued; "" where one is."""
    continuing = Continuing(PLAN)
    if doubtful is not None:
        continuing.remember("extract", "", "u", (), np.empty(0), (), (), doubtful)
    moves = Rearrangement((None, None, None, 1), "extract", 3, ((0, 2),))
    return continuing.chosen("check", moves, calls, (answer, "own"), "")[1]


WHOLE = (None, None, b"answer")
IN_PART = (None, b"never repeated", b"answer")
LONG = "an answer of many words " * 5


@pytest.mark.parametrize(
    ("contents", "answer", "doubtful", "reason"),
    [
        (WHOLE, "yes", None, ""),
        (IN_PART, "yes", None, TOO_LITTLE),
        (IN_PART, LONG, None, ""),
        (IN_PART, LONG, "another", ""),
        (IN_PART, LONG, LONG, SEVERAL_CALLS),
    ],
)
def test_a_call_is_continued_where_what_is_repeated_of_it_leaves_no_doubt(
    contents: Contents, answer: str, doubtful: str | None, reason: str
) -> None:
    call = EarlierCall("u", contents, np.zeros(2, np.int32), (1, 1, 2))
    assert chosen(call, answer=answer, doubtful=doubtful) == reason


def test_two_calls_alike_but_for_what_nobody_repeats_leave_a_doubt() -> None:
    calls = [EarlierCall("u", IN_PART, np.array([number], np.int32)) for number in (1, 2)]
    assert chosen(*calls, answer=LONG) == SEVERAL_CALLS


def test_a_call_that_was_not_sent_as_planned_cannot_be_continued() -> None:
    assert chosen(EarlierCall("u", WHOLE)) == NOT_AS_PLANNED


def test_a_layout_for_own_runs_leaves_programs_alone() -> None:
    prompt = sent(preparer(), "Four is the sum")
    assert (prompt.laying.texts, prompt.laying.reason) == (None, OWN_RUNS)


def test_a_prompt_that_came_as_planned_says_so_and_can_be_continued() -> None:
    by = preparer()
    first = sent(by, PLANNED, answer="Ann, Bob")
    assert first.laying.reason == reasons.AS_PLANNED_ALREADY
    assert sent(by, CHECKED).laying.texts is not None


def test_a_prompt_the_engine_refused_laid_out_goes_as_it_came() -> None:
    by = preparer()
    sent(by, WRITTEN, answer="Ann, Bob")
    laid_out = sent(by, CHECKED)
    prompt = by.as_it_came(Arrival(text=CHECKED), laid_out)
    assert TOKENIZER.decode(prompt.token_ids) == CHECKED
    assert prompt.laying.reason == reasons.REFUSED
    assert prompt.laying.unit == laid_out.laying.unit


def test_a_session_in_the_control_share_goes_as_it_came() -> None:
    prompt = sent(preparer(share=0.0), WRITTEN)
    assert (prompt.laying.reason, prompt.laying.arm) == (reasons.IN_CONTROL, CONTROL)


def test_a_call_and_what_continues_it_are_in_one_arm_without_any_name() -> None:
    for share in (0.0, 1.0):
        by = preparer(share=share)
        first = sent(by, WRITTEN, answer="Ann, Bob")
        assert sent(by, CHECKED).laying.unit == first.laying.unit


def test_a_treated_session_stays_so_when_the_share_is_raised() -> None:
    units = [unit_of("agent", str(number).encode()) for number in range(2_000)]
    few = {unit for unit in units if arm_of(unit, 0.1) == TREATED}
    more = {unit for unit in units if arm_of(unit, 0.5) == TREATED}
    assert few < more
    assert len(few) == pytest.approx(200, abs=60)
    assert all(arm_of(unit, 1.0) == TREATED for unit in units)
    assert all(arm_of(unit, 0.0) == CONTROL for unit in units)


def test_remembered_calls_are_bounded_by_number_and_by_tokens() -> None:
    calls = EarlierCalls(most_calls=3, most_tokens=10)
    for number in range(6):
        call = EarlierCall("u", (), np.zeros(4, np.int32))
        calls.add(call, [bytes([number]), b"all"])
    assert (len(calls), calls.tokens) == (2, 8)
    assert not calls.find(b"\0") and calls.find(b"\5")
    assert len(calls.find(b"all")) == 2
