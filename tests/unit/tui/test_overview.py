"""What the graph screen says at a glance: the headline and the call under the cursor."""

from dataclasses import replace as evolve

import pytest
from msgspec.structs import replace

from charter_engine.contracts.graph import Diagnostic, Opportunity
from charter_engine.contracts.runs import RunSummary
from charter_tui.present.comparison import comparison_lines
from charter_tui.present.confirmation import predicted_gain, push_confirmation
from charter_tui.present.diagnostics import diagnostic_text
from charter_tui.present.findings import finding_rows
from charter_tui.present.graph_table import legend_line
from charter_tui.present.header import banner_lines
from charter_tui.present.headline import best_expected, headline
from charter_tui.present.preview import preview_lines
from charter_tui.present.prompt import place, reused_share
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.state import Link, Snapshot
from tests.tui.scene import (
    CALLS,
    DRAFT,
    ENTITIES,
    NO_DRAFT,
    NODES,
    PROFILE,
    RUN,
    RUNS,
    SESSION,
    VALIDATED,
)
from tests.tui.test_findings import FINDING

CHAIN = Opportunity(
    pattern="sequential_chain",
    nodes=tuple(call.id for call in CALLS),
    shared_tokens=185,
    expected_hit_rate=0.771,
    expected_computed_tokens=6_200,
    expected_prompt_tokens=27_074,
    expected_basis="conversation layout over 12 inputs",
)


def shown(opportunity: Opportunity | None = None) -> Snapshot:
    found = (opportunity,) if opportunity else ()
    assert SESSION.compiled is not None
    session = replace(SESSION, compiled=replace(SESSION.compiled, opportunities=found))
    return Snapshot(link=Link("connected"), session=session, nodes=NODES, draft=NO_DRAFT)


def test_the_headline_leads_with_what_is_computed_and_ends_with_rates() -> None:
    text = said(headline(evolve(shown(), run=RUN), 140))
    assert text.startswith("Computed =17,862 of =19,334 prompt tokens  run =14.2 s  TTFT =227 ms")
    assert "hit =7.6 %" in text
    assert "live plan ~18,630 computed, run ~12.6 s, TTFT ~210 ms p95 ~378 ms, hit ~31.0 %" in text


def test_a_narrow_headline_keeps_what_is_computed_beside_every_rate() -> None:
    text = said(headline(evolve(shown(CHAIN), run=RUN), 80))
    assert "TTFT =227 ms  hit =7.6 %" in text
    assert "possible ~6,200 computed, hit ~77.1 %  2 a propose" in text


def test_the_p95_is_that_of_the_run_that_ended_and_unknown_while_it_goes_on() -> None:
    going_on = evolve(shown(), run=RUN, runs=RUNS)
    assert "TTFT =227 ms p95 –" in said(headline(going_on, 140))
    (failed, latest, written) = RUNS.runs
    assert RUN.progress.run != latest.run
    ended = replace(RUNS, runs=(replace(latest, run=RUN.progress.run), failed, written))
    assert "TTFT =227 ms p95 =402 ms" in said(headline(evolve(going_on, runs=ended), 140))


def test_the_headline_names_what_could_be_reached_and_the_keys_to_it() -> None:
    text = said(headline(shown(CHAIN), 200))
    assert "possible ~6,200 of ~27,074 computed, hit ~77.1 %  2 a propose" in text


def test_the_headline_shows_the_draft_rather_than_what_could_be() -> None:
    snapshot = evolve(shown(CHAIN), draft=DRAFT)
    text = said(headline(snapshot, 80))
    assert "draft ~computes 16 % less, runs 19 % shorter: worth it  2 p push" in text
    assert "possible" not in text


def test_what_the_live_plan_reaches_already_is_not_offered() -> None:
    assert "possible" not in said(headline(shown(replace(CHAIN, expected_hit_rate=0.32)), 140))


def test_a_rate_of_some_calls_only_is_not_set_beside_that_of_all() -> None:
    assert best_expected(shown(replace(CHAIN, nodes=(ENTITIES, VALIDATED)))) is None


def test_nothing_measured_is_said_and_not_shown_as_nought() -> None:
    assert "not measured yet" in said(headline(Snapshot(session=SESSION), 80))


@pytest.mark.parametrize("width", [20, 60, 78, 110, 145])
def test_the_headline_and_the_legend_keep_to_the_width(width: int) -> None:
    assert all(line_width(made) <= width for made in headline(shown(CHAIN), width))
    assert width < 78 or line_width(legend_line(width)) <= width


def test_the_preview_shows_segments_and_what_they_could_share() -> None:
    text = "\n".join(text_of(item) for item in preview_lines(shown(CHAIN), VALIDATED, 120))
    assert "document_processor.py:36" in text
    assert "?684 tokens" in text
    assert "expected ~6,200 of ~27,074 computed, hit rate ~77.1 %" in text
    assert "conversation layout over 12 inputs" in text


def test_the_preview_of_no_call_takes_no_room() -> None:
    assert preview_lines(shown(), "no such call", 120) == ()


def test_a_share_behind_a_guessed_size_is_a_guess() -> None:
    stats = replace(NODES.nodes[1], reused_tokens=11 * 100)
    known, _, guessed, _ = place(CALLS[1].segments, stats)
    assert text_of((reused_share(known),)) == "=100 % reused"
    assert text_of((reused_share(guessed),)).startswith("?")


def test_a_diagnostic_reads_as_sentences() -> None:
    item = Diagnostic(
        path="/a/agent.py", line=1, column=7, message="Syntax error.", remedy="Correct the source"
    )
    assert diagnostic_text(item) == "/a/agent.py:1:7: Syntax error. Correct the source."
    assert (
        diagnostic_text(replace(item, line=0, remedy=""), name_only=True)
        == "agent.py: Syntax error."
    )


def test_a_diagnostic_is_told_once_with_its_place() -> None:
    placed = Diagnostic(path="/a/agent.py", line=1, column=7, message="Syntax error.")
    twice = replace(
        SESSION, diagnostics=(replace(placed, line=0, message="Syntax error."), placed), notice=""
    )
    lines = [text_of(item) for item in banner_lines(Snapshot(session=twice), 0.0, 80)]
    assert lines == [" agent.py:1:7: Syntax error."]


def test_a_notice_is_cut_to_the_sentences_that_fit() -> None:
    session = replace(
        SESSION, notice="Its text means nothing. Its computing, memory and reuse are real."
    )
    assert [text_of(item) for item in banner_lines(Snapshot(session=session), 0.0, 40)] == [
        " Its text means nothing."
    ]
    assert len(banner_lines(Snapshot(session=session), 0.0, 100)) == 1


def test_runs_as_written_and_of_the_live_plan_stand_beside_each_other_and_the_prediction() -> None:
    snapshot = Snapshot(session=SESSION, runs=RUNS, draft=NO_DRAFT)
    text = said(comparison_lines(snapshot, 90))
    assert "=25,290    =18,630    ~18,630" in text
    assert "=9.80 s    =14.2 s    ~12.6 s" in text


def test_verdicts_are_in_words_and_say_what_they_are_about() -> None:
    text = said(comparison_lines(Snapshot(session=SESSION, runs=RUNS, draft=DRAFT), 90))
    assert (
        "= live, against as written: computes 26 % less, runs 45 % longer: not worth it here"
        in text
    )
    assert "~ draft, against live: computes 16 % less, runs 19 % shorter: worth it" in text


def test_what_a_prediction_takes_for_granted_is_said() -> None:
    text = said(comparison_lines(Snapshot(session=SESSION, draft=NO_DRAFT), 90))
    assert "predicted for a run over 12 items, 2 at once, that begins with an empty cache" in text


def test_what_a_repeat_is_predicted_to_pay_stands_apart_from_a_run_on_an_empty_cache() -> None:
    predicted = SESSION.predicted
    assert predicted is not None
    repeated = replace(predicted, token_hit_rate=0.9, prompt_tokens=1_000, makespan_ms=4_500.0)
    warm = Snapshot(session=replace(SESSION, next_run=repeated), draft=NO_DRAFT)
    words = "the next run finds in the cache what earlier ones left: ~100 computed"
    assert words in said(comparison_lines(warm, 90))
    assert words not in said(comparison_lines(Snapshot(session=SESSION, draft=NO_DRAFT), 90))


def test_a_run_on_a_warm_cache_that_exceeds_its_prediction_says_why() -> None:
    live = RUNS.numbered(RUNS.live)
    assert live is not None
    warm = replace(live, earlier=2, cost=replace(live.cost, computed_tokens=100))
    others = tuple(run for run in RUNS.runs if run is not live)

    def told(run: RunSummary) -> str:
        runs = replace(RUNS, runs=(run, *others))
        return said(comparison_lines(Snapshot(session=SESSION, runs=runs, draft=NO_DRAFT), 200))

    assert "2 runs before it had left prompts in the cache" in told(warm)
    assert "before it had left" not in told(replace(warm, earlier=0))
    assert "before it had left" not in told(replace(warm, cost=live.cost))


def test_a_question_before_a_push_tells_gain_loss_and_the_way_back() -> None:
    assert DRAFT.diff is not None
    question = push_confirmation(DRAFT.diff, PROFILE, predicted_gain(DRAFT))
    assert question is not None
    text = " ".join(question.consequences)
    assert "Predicted: computes 16 % less, runs 19 % shorter: worth it." in text
    for figures in (
        "computed ~18,630 → ~15,660",
        "whole ~12.6 s → ~10.3 s",
        "TTFT ~210 ms → ~171 ms, p95 ~378 ms → ~308 ms",
        "hit ~31.0 % → ~42.0 %",
    ):
        assert figures in text
    assert "u takes it back" in text


def test_findings_that_say_the_same_stand_in_one_row() -> None:
    finding = replace(FINDING, line=4, node=ENTITIES)
    other = replace(finding, node=VALIDATED)
    rows = [text_of(row.cells[1]) for row in finding_rows((finding, other), ()) if row.pickable]
    assert rows == ["2 calls, first entities:4"]


def said(lines: tuple[Line, ...]) -> str:
    return "\n".join(text_of(item) for item in lines)


def test_what_the_live_plan_shares_already_is_not_listed_as_possible() -> None:
    reached = replace(CHAIN, expected_hit_rate=0.31)
    text = said(preview_lines(shown(reached), VALIDATED, 120))
    assert "Could be shared" not in text
    assert "Could be shared" in said(preview_lines(shown(CHAIN), VALIDATED, 120))


def test_an_error_of_the_agent_is_told_once_though_the_notice_repeats_it() -> None:
    item = Diagnostic(path="/a/agent.py", line=1, column=7, message="Syntax error.")
    session = replace(SESSION, diagnostics=(item,), notice="/a/agent.py: Syntax error.")
    lines = [text_of(made) for made in banner_lines(Snapshot(session=session), 0.0, 80)]
    assert lines == [" agent.py:1:7: Syntax error."]


def test_no_key_is_named_that_is_refused() -> None:
    live = shown(CHAIN)
    assert live.session is not None
    replayed = evolve(live, session=replace(live.session, mode="replay"))
    assert said(headline(live, 200)).count("  2 a propose") == 1
    assert "propose" not in said(headline(replayed, 200))
    assert "push" not in said(headline(evolve(replayed, draft=DRAFT), 200))
