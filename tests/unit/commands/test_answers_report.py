"""How a comparison of answers reads."""

import pytest
from msgspec.structs import replace

from charter_engine.commands.answers_report import print_answers, side_by_side
from charter_engine.contracts.answers import AnswerPair, AnswersReport
from charter_engine.contracts.plan import Plan
from charter_engine.executor.bench.answers import Verdicts, by_node, verdict

PAIR = AnswerPair(
    node="desk:reply",
    item=1,
    iteration=0,
    written="Rain until noon, then sun.",
    planned="Rain until one, then sun.",
    differs_at=11,
    carried=False,
    written_tokens=6,
    planned_tokens=7,
)
VERDICTS: Verdicts = {"written": [True], "planned": [False]}
REPORT = AnswersReport(
    agent="desk.py",
    target="somewhere",
    inputs="2 sets as given",
    check="./check",
    verdict=verdict([PAIR]),
    nodes=by_node([PAIR], VERDICTS, VERDICTS),
    pairs=(PAIR,),
    repeated=4,
    repeated_equal=3,
    plan=Plan(agent="desk.py"),
)


def test_figures_verdict_noise_and_pairs_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_answers(REPORT)
    told = capsys.readouterr().out
    assert "1 → 0" in told and "6 → 7" in told
    assert "the plan changes 1 of 1 answers" in told
    assert "3 of 4 answers were the same" in told
    assert "desk:reply, item 2: as written, and under the plan" in told
    assert "Rain until noon" in told and "Rain until one" in told


def test_equal_answers_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    same = replace(PAIR, planned=PAIR.written, differs_at=None)
    print_answers(replace(REPORT, pairs=(same,)))
    assert "as written, and under the plan" not in capsys.readouterr().out


def test_a_pair_begins_shortly_before_its_answers_part() -> None:
    far = replace(PAIR, written="x" * 500 + "one", planned="x" * 500 + "two", differs_at=500)
    first = next(iter(side_by_side(far, 70)))
    assert first.startswith("…xxx") and "one" in first and "two" in first


def test_what_was_cut_short_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_answers(replace(REPORT, complete=False, lost="plan: stopped: nobody answers"))
    assert "nobody answers: these are the answers so far" in capsys.readouterr().out
