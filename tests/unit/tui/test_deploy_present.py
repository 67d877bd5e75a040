"""The deploy screen's lines: what they say of a push, a watch, a trial, drift and the rest."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.canary import CanaryReport, ServerCanary
from charter_engine.contracts.commands import Push
from charter_engine.contracts.deploy import WatchOutcome
from charter_engine.contracts.deploying import PushWatch
from charter_engine.contracts.gauges import Canary, Draft, Fleet, Session
from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.trial import TrialReport
from charter_tui.action import Action
from charter_tui.actions import in_scope
from charter_tui.present.advice import advice_lines, advice_standing
from charter_tui.present.canary import canary_lines, canary_standing
from charter_tui.present.confirmation import (
    asked_in_production,
    leaving_confirmation,
    promotion_confirmation,
    put_back_confirmation,
    uninstall_confirmation,
)
from charter_tui.present.deployment import SUBJECTS, Answers, subject_lines, subject_rows
from charter_tui.present.drift import drift_lines
from charter_tui.present.header import title_lines
from charter_tui.present.history import NARROW, WIDE, history_columns, history_rows
from charter_tui.present.possible import acts, why_not
from charter_tui.present.profile import profile_lines, profile_standing
from charter_tui.present.push import preview_lines, push_lines, push_standing
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.present.trial import trial_lines, trial_standing, verdict
from charter_tui.present.watch import watch_lines, watch_standing
from charter_tui.screens.deploy_forms import push_form, pushed, trial_form
from charter_tui.state import Link, Snapshot
from charter_tui.typed import parse_share
from tests.tui.deploy_scene import (
    ADVICE,
    ALARM,
    DRIFT,
    DRIFTED,
    LESS_ABLE,
    MEASURED_REVISIONS,
    ON_TRIAL,
    OPEN_BREAKER,
    PREVIEW,
    PUSHED,
    PUSHING,
    REFUSED,
    WATCHING,
    trial,
    watched,
)
from tests.tui.fleet_scene import ALIKE, ONE, TWO
from tests.tui.scene import CHEAP_DRAFT, DRAFT, REPLAY, RUN, SESSION

CONNECTED = Link("connected")
LIVE = Snapshot(link=CONNECTED, session=SESSION)
FULL = Snapshot(
    session=DRIFTED,
    draft=DRAFT,
    triton=OPEN_BREAKER,
    canary=Canary(ALARM),
    deploying=PUSHED,
    watch=watched("taken back"),
)
ANSWERED = Answers(revisions=MEASURED_REVISIONS, preview=PREVIEW, trial=trial(), advice=ADVICE)


def text(lines: Sequence[Line]) -> str:
    return "\n".join(text_of(item) for item in lines)


def on(share: float) -> Snapshot:
    """A live plan whose layouts are on that share of the sessions."""
    assert ON_TRIAL.plan is not None
    return Snapshot(session=replace(ON_TRIAL, plan=replace(ON_TRIAL.plan, share=share)))


@pytest.mark.parametrize("width", [40, 78, 106, 198])
@pytest.mark.parametrize("snapshot", [Snapshot(), LIVE, FULL, on(0.1)])
def test_every_subject_has_a_line_and_more_at_every_width(snapshot: Snapshot, width: int) -> None:
    for answers in (Answers(), ANSWERED):
        assert [row.key for row in subject_rows(snapshot, answers)] == [one.key for one in SUBJECTS]
        for one in SUBJECTS:
            assert subject_lines(one.key, snapshot, answers, width)


def named_keys(told: str) -> Iterator[Action]:
    """The actions whose keys a text names, as in `u takes it back`."""
    keys = {key: one for one in in_scope("app", "deploy") for key in one.keys.split(",")}
    for key in re.findall(r"(?<![\w'.])([\w/])(?= [a-z]+s\b)", told):
        if key in keys:
            yield keys[key]


@pytest.mark.parametrize(
    "held",
    [
        {"locked": "This console is read-only."},
        {"replay": REPLAY},
        {"frozen": REPLAY},
        {"link": Link("lost")},
    ],
    ids=lambda held: next(iter(held)),
)
def test_where_nothing_can_be_changed_no_subject_names_a_key_that_does_nothing(
    held: dict[str, Any],
) -> None:
    outcomes = [Snapshot(watch=watched(outcome)) for outcome in get_args(WatchOutcome)]
    shares = [on(share) for share in (0.0, 0.1, 1.0)]
    empty = [Snapshot(), LIVE, Snapshot(link=CONNECTED, canary=Canary(WATCHING))]
    for shown in (*empty, FULL, *outcomes, *shares):
        snapshot = dataclasses.replace(shown, **held)
        for answers in (Answers(), ANSWERED):
            for one in SUBJECTS:
                told = text(subject_lines(one.key, snapshot, answers, 1_000))
                for action in named_keys(told):
                    assert acts(action.id, snapshot), f"{action.id} in: {told}"


def test_a_state_fits_its_column() -> None:
    for snapshot in (Snapshot(), LIVE, FULL, on(0.1), on(1.0), Snapshot(watch=watched())):
        for row in subject_rows(snapshot, ANSWERED):
            assert line_width(row.cells[1]) <= 24, text_of(row.cells[1])


def test_a_push_in_progress_tells_its_steps_with_their_times() -> None:
    snapshot = Snapshot(session=SESSION, deploying=PUSHING)
    assert push_standing(snapshot).state.text == "▶ push running"
    assert "4.0 ms  wrote charter_bls/plan.json" in text(push_lines(snapshot, None, 100))


def test_a_push_that_is_done_tells_what_was_verified() -> None:
    told = text(push_lines(Snapshot(session=SESSION, deploying=PUSHED), None, 100))
    assert "Push  ● done  =1.37 s" in told
    assert "verified  charter_bls answered a request" in told


def test_a_push_that_failed_tells_why_and_what_to_do_before_the_draft() -> None:
    snapshot = Snapshot(session=SESSION, draft=DRAFT, deploying=REFUSED)
    told = text(push_lines(snapshot, None, 200))
    assert told.index("Triton refused to load") < told.index("--tokenizer") < told.index("Draft")


def test_a_draft_is_shown_with_its_cost_and_its_prediction() -> None:
    told = text(push_lines(Snapshot(session=SESSION, draft=DRAFT), None, 100))
    assert "3 changes to revision 3: engine rebuild" in told
    assert "− 32 + 16" in told
    assert "~ draft, against live: computes 16 % less" in told


def test_a_preview_counts_what_would_be_laid_out_and_what_not() -> None:
    told = text(preview_lines(PREVIEW, 100))
    assert "281 as a call writes them, 274 would be laid out" in told
    assert "7 would go on as they came: the document is in the prompt twice" in told


def test_a_watch_counts_down_and_says_the_rule() -> None:
    snapshot = Snapshot(watch=watched())
    assert watch_standing(snapshot).state.text == "▶ watching, 3:28 to go"
    assert "5 % worse (error rate 5 %)" in text(watch_lines(snapshot, 200))


def test_what_became_worse_stands_out_in_a_watch() -> None:
    snapshot = Snapshot(watch=watched("taken back"))
    assert text_of(watch_standing(snapshot).more) == "revision 3: computed tokens +36.0 %"
    rows = [text_of(item).split() for item in watch_lines(snapshot, 100)]
    assert "✗ computed tokens =530 =721 +36.0 % +22.0 %".split() in rows


def test_a_trial_is_judged_by_what_it_computes_and_whether_anything_is_worse() -> None:
    assert verdict(trial()) == ("computes 41 % less; nothing is worse by its margin", "good")
    assert verdict(trial(stop="TTFT 300 against 200"))[0].startswith("to be stopped: TTFT")
    assert verdict(TrialReport(share=0.1))[0] == "too early to tell: 0 sessions in the smaller arm"
    assert verdict(TrialReport(share=1.0))[0] == "there is only one arm: nothing to compare"


def test_both_arms_stand_beside_each_other_with_their_percentiles() -> None:
    rows = [text_of(item).split() for item in trial_lines(on(0.1), trial(), 100)]
    assert "TTFT p95 =269 ms =394 ms".split() in rows


def test_arms_differ_in_per_cent_and_in_rates_by_points() -> None:
    rows = [text_of(item).split() for item in trial_lines(on(0.1), trial(), 100)]
    assert "computed tokens a request −40.9 % −47.3 to −33.9 %".split() in rows
    assert "hit rate +21.0 pt +17.0 to +24.0 pt".split() in rows


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "○ stopped"), (0.1, "▶ 10 % of the sessions"), (1.0, "● on all sessions")],
)
def test_a_trial_stands_by_its_share(share: float, words: str) -> None:
    assert trial_standing(on(share), None).state.text == words


def test_drift_is_told_with_both_values_and_the_ways_out() -> None:
    snapshot = Snapshot(link=CONNECTED, session=DRIFTED, draft=DRAFT)
    told = text(drift_lines(snapshot, 120))
    assert "kv_cache_free_gpu_mem_fraction − 0.9 + 0.4" in told
    assert "P puts back" in told and "a adopts" in told and "p pushes" in told


def test_drift_and_an_alarm_are_told_in_the_top_line_of_every_screen() -> None:
    assert "9" not in text_of(title_lines(LIVE, "graph", "", 120)[0])
    told = text_of(title_lines(FULL, "graph", "", 120)[0])
    assert "drift: 9" in told and "canary: 9" in told


def test_leaving_says_that_a_push_is_watched_no_longer() -> None:
    owned = Snapshot(link=Link("connected", owned=True), watch=watched())
    question = leaving_confirmation(owned)
    assert question is not None
    assert "The last push is no longer watched; it stands." in question.consequences


def test_a_canary_tells_its_agreement_and_its_cost() -> None:
    told = canary_lines(Snapshot(canary=Canary(WATCHING)), 100)
    assert "with and without reuse =93 =0 =100 %".split() in [text_of(one).split() for one in told]
    assert "46,080 an hour at this pace" in text(told)


def test_an_alarm_of_the_canary_shows_both_answers_and_what_to_do() -> None:
    told = text(canary_lines(Snapshot(canary=Canary(ALARM)), 100))
    assert "311 42 7 1990 12" in told and "311 42 8 604 55" in told
    assert "switch reuse off" in told


def test_a_canary_that_cannot_tell_says_why() -> None:
    blind = CanaryReport(state="blind", reason="nothing was reused")
    standing = canary_standing(Snapshot(canary=Canary(blind)))
    assert text_of(standing.more) == "nothing was reused"


def test_what_a_deployment_cannot_do_is_told_with_the_reason() -> None:
    snapshot = Snapshot(session=LESS_ABLE)
    assert profile_standing(snapshot).state.text == "◌ 6 of 8 abilities"
    told = text(profile_lines(snapshot, 120))
    assert "✗ tell times of a request" in told
    assert "tensorrt_llm has no output of its times" in told


def test_advice_comes_by_weight_with_the_key_that_mends_it() -> None:
    told = text(advice_lines(LIVE, ADVICE, 120))
    assert told.index("✗ Wrong") < told.index("◆ Costly") < told.index("○ Worth knowing")
    assert "2 edits kv_cache_free_gpu_mem_fraction" in told
    assert "412k tokens an hour" in told


def test_where_nothing_is_wrong_the_advice_says_so() -> None:
    assert advice_standing(LIVE, DoctorReport()).state.text == "● nothing is wrong"


def test_the_history_tells_who_pushed_and_what_was_measured_where_there_is_room() -> None:
    assert history_columns(90)[:-1] == NARROW[:-1]
    columns = history_columns(120)
    assert columns[:-1] == WIDE[:-1]
    second = history_rows(MEASURED_REVISIONS, columns)[1]
    assert [text_of(cell) for cell in second.cells[3:7]] == [
        "kim@gpu-07",
        "plan reload",
        "−35 %",
        "−29 %",
    ]


def test_a_push_form_tells_the_cost_and_asks_about_drift_only_where_there_is_some() -> None:
    plain, drifted = (
        push_form(Snapshot(session=session, draft=DRAFT)) for session in (SESSION, DRIFTED)
    )
    assert plain.note == (
        "3 changes; costs: engine rebuild. "
        "Predicted: computes 16 % less, runs 19 % shorter: worth it."
    )
    assert [field.name for field in plain.fields] == ["note", "watch", "margin"]
    assert [field.name for field in drifted.fields] == ["note", "watch", "margin", "force"]


@pytest.mark.parametrize(
    ("watch", "expected"), [("2m", PushWatch(seconds=120.0, margin=0.1)), ("", None)]
)
def test_what_was_typed_becomes_a_push(watch: str, expected: PushWatch | None) -> None:
    values = {"note": " nightly ", "watch": watch, "margin": "10 %", "force": "yes"}
    assert pushed(values, 3) == Push(base_revision=3, note="nightly", watch=expected, force=True)


def test_a_live_trial_is_offered_another_share_and_a_draft_a_first_one() -> None:
    assert trial_form(on(0.25)).fields[0].value == "25 %"
    assert trial_form(Snapshot(session=SESSION, draft=CHEAP_DRAFT)).fields[0].value == "10 %"


@pytest.mark.parametrize(("typed", "share"), [("10 %", 0.1), ("0.25", 0.25), ("100%", 1.0)])
def test_a_share_is_typed_in_per_cent_or_as_a_fraction(typed: str, share: float) -> None:
    assert parse_share(typed) == pytest.approx(share)


@pytest.mark.parametrize("typed", ["10", "-1 %", "101 %", "half", ""])
def test_what_is_no_share_is_refused(typed: str) -> None:
    with pytest.raises(Mistyped, match="is not a share"):
        parse_share(typed)


def test_a_question_names_what_it_puts_back_and_what_uninstalling_loses() -> None:
    told = " ".join(put_back_confirmation(DRIFT * 3).consequences)
    assert "0.4 → 0.9" in told and "And 1 more." in told
    asked = uninstall_confirmation(DRIFT)
    assert asked.word == "charter_bls"
    assert "What others changed since the last push is lost as well." in asked.consequences


def test_a_question_about_several_servers_names_them_and_what_others_changed_of_each() -> None:
    one, two = ALIKE.now.servers
    fleet = replace(ALIKE.now, servers=(one, replace(two, drift=2)))
    for asked in (put_back_confirmation((), fleet), uninstall_confirmation((), fleet)):
        assert asked.consequences[0].startswith("On 2 servers, one after another.")
        assert asked.consequences[1] == f"Fields that others changed: {TWO} (2)."


def test_what_others_changed_of_another_server_can_be_put_back_from_the_first() -> None:
    changed = replace(ALIKE.now.servers[1], drift=1)
    snapshot = Snapshot(session=SESSION, fleet=Fleet(now=replace(ALIKE.now, servers=(changed,))))
    assert [why_not(action, snapshot) for action in ("put_back", "adopt")] == ["", ""]


def test_a_canary_of_several_servers_tells_of_each() -> None:
    servers = (
        ServerCanary(server=ONE, report=WATCHING),
        ServerCanary(server=TWO, message="no answer"),
    )
    told = text(canary_lines(Snapshot(canary=Canary(WATCHING, servers)), 100))
    assert ONE in told and TWO in told and "no answer" in told


@pytest.mark.parametrize(
    ("action", "snapshot", "possible"),
    [
        ("push", LIVE, False),
        ("push", Snapshot(session=SESSION, draft=DRAFT), True),
        ("push", Snapshot(session=SESSION, draft=DRAFT, run=RUN), False),
        ("push", Snapshot(session=SESSION, draft=DRAFT, deploying=PUSHING), False),
        ("promote", on(0.1), True),
        ("promote", on(1.0), False),
        ("stop_trial", on(0.0), False),
        ("put_back", LIVE, False),
        ("adopt", Snapshot(session=DRIFTED), True),
        ("keep", Snapshot(watch=watched()), True),
        ("keep", Snapshot(watch=watched("kept"), run=RUN), False),
        ("reset_breaker", Snapshot(triton=OPEN_BREAKER, run=RUN), True),
        ("uninstall", Snapshot(session=Session(engine_version="")), False),
        ("look_again", Snapshot(draft=Draft()), True),
    ],
)
def test_an_action_is_offered_where_it_does_something(
    action: str, snapshot: Snapshot, possible: bool
) -> None:
    assert bool(why_not(f"deploy.{action}", snapshot)) is not possible


def test_in_production_a_question_keeps_its_words_and_takes_a_name() -> None:
    asked = asked_in_production(promotion_confirmation(None), "Promote", "prod:8001", Snapshot())
    assert asked.title == "Lay out all sessions?"
    assert asked.consequences[0].startswith("prod:8001 is production")
    assert asked.word == "tensorrt_llm"
