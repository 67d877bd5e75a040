"""Results print as tables that lead with what is paid, and turn into flat rows."""

import re
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from charter_engine.api.results import Result
from charter_engine.contracts.benching import BenchReport, VariantReport
from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.deploy import Change, Diff, Profile, PushReport, Revision
from charter_engine.contracts.deploying import DeploymentDrift, History
from charter_engine.contracts.graph import Call, CompiledFile, Segment
from charter_engine.contracts.live import NodeStats, RequestRecord, RunReport
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import Bracket, Prediction, PredictReport
from charter_engine.contracts.runs import (
    Interval,
    RunComparison,
    RunDetail,
    RunDifference,
    RunList,
    RunSummary,
)

CHANGE = Change(
    place="desk",
    key="layout",
    old="source",
    new="prefix-first",
    cost="plan reload",
    loses="nothing",
)


def request(node: str, reused: int | None, item: int = 0) -> RequestRecord:
    return RequestRecord(
        run="r",
        node=node,
        item=item,
        started_at=1.0,
        prompt_tokens=100,
        reused_tokens=reused,
        output_tokens=5,
        latency_ms=20.0,
        ttft_ms=4.0,
    )


def run(*requests: RequestRecord) -> RunReport:
    return RunReport(
        run="r",
        agent="desk.py",
        variant="plan",
        state="done",
        items=1,
        elapsed_ms=1500.0,
        nodes=(NodeStats(node="facts", requests=2), NodeStats(node="reply", requests=1)),
        requests=requests,
    )


def predictions(**settings: tuple[int | bool, int | bool]) -> PredictResult:
    return PredictResult(
        report=PredictReport(
            workload="w.jsonl",
            requests=2,
            prompt_tokens=1000,
            timing="timed",
            predictions=tuple(
                Prediction(
                    settings={
                        "tokens_per_block": 32,
                        "gpu_blocks": 10,
                        "host_blocks": 0,
                        **{key: values[number] for key, values in settings.items()},
                    },
                    requests=2,
                    prompt_tokens=1000,
                    token_hit_rate=0.25,
                    block_hit_rate=0.2,
                    reused_blocks=1,
                    missed_blocks=4,
                    makespan_ms=2500.0,
                    bracket=Bracket(0.2, 0.5),
                )
                for number in range(2)
            ),
        ),
        notes=(Note("look out", "do this"),),
    )


def printed(record: object, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(Result(record))
    return captured.get()


def heading(text: str) -> str:
    """The line of a table's headers: the one above the first rule."""
    lines = text.splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("──")) - 1]


@pytest.mark.parametrize("record", [predictions(), run(request("facts", 25))])
def test_what_is_paid_stands_before_hit_rates(record: PredictResult | RunReport) -> None:
    headers = heading(printed(record, width=200))
    assert re.search(r"computed tokens.*(whole time|latency).*hit rate", headers)


def test_every_table_says_where_its_figures_come_from() -> None:
    assert "predicted, times assumed" in repr(Result(predictions()))
    assert "measured" in repr(Result(run(request("facts", 25))))


def test_a_run_tells_computed_tokens_and_whole_time_together() -> None:
    told = repr(Result(run(request("facts", 25), request("facts", 50), request("reply", 0))))
    assert "225 of 300 prompt tokens computed, whole time 1.50 s" in told


def test_tokens_that_a_deployment_does_not_tell_are_unknown_and_not_zero() -> None:
    result = Result(run(request("facts", 25), request("facts", None)))
    assert [row["computed_tokens"] for row in result.to_dicts()] == [75, None]
    assert "- of 200 prompt tokens computed" in repr(result)


def test_a_run_turns_into_one_row_a_request_with_numbers_as_numbers() -> None:
    (row,) = Result(run(request("reply", 40))).to_dicts()
    assert row["node"] == "reply"
    assert row["computed_tokens"] == 60
    assert row["latency_ms"] == 20.0
    assert row["error"] is None
    assert row["label"] == "measured"


def test_predictions_turn_into_one_row_a_setting() -> None:
    rows = Result(predictions(reuse=(True, False))).to_dicts()
    assert [(row["reuse"], row["computed_tokens"], row["optimum"]) for row in rows] == [
        (True, 750, 0.5),
        (False, 750, 0.5),
    ]
    assert {(row["label"], row["times_label"]) for row in rows} == {("predicted", "assumed")}


def test_a_setting_that_was_varied_is_shown() -> None:
    assert "partial_reuse" in repr(Result(predictions(partial_reuse=(True, False))))
    assert "partial_reuse" not in repr(Result(predictions(partial_reuse=(True, True))))


def test_notes_stand_below_the_figures() -> None:
    assert repr(Result(predictions())).endswith("look out; do this")


def test_an_agent_turns_into_one_row_a_call() -> None:
    static = Segment(kind="static", text="Hello", tokens=7, tokens_label="measured")
    call = Call(id="desk:reply", path="desk.py", line=3, end_line=3, segments=(static,))
    (row,) = Result(CompiledFile(path="desk.py", calls=(call,))).to_dicts()
    assert row["call"] == "desk:reply"
    assert (row["static_tokens"], row["static_tokens_label"]) == (7, "measured")


def test_a_push_shows_what_changed_what_it_cost_and_what_was_verified() -> None:
    report = PushReport(
        ok=True,
        revision=3,
        diff=Diff(base_revision=2, changes=(CHANGE,)),
        elapsed_ms=1200.0,
        message="revision 3 is live",
        verified=("it answered a request",),
    )
    told = repr(Result(report))
    assert re.search(r"desk +layout +source +prefix-first +plan reload +nothing", told)
    assert told.endswith("revision 3 is live (1.2 s, measured)\nverified: it answered a request")
    assert Result(report).to_dicts()[0]["cost"] == "plan reload"


def test_where_nothing_differs_it_is_said_in_words() -> None:
    assert repr(Result(Diff(base_revision=2))) == "nothing differs from revision 2"
    assert repr(Result(DeploymentDrift(revision=2))) == "as revision 2 left it"
    assert "nothing was pushed" in repr(Result(DeploymentDrift()))
    assert "nothing was pushed" in repr(Result(History()))


def test_a_history_turns_into_one_row_a_revision() -> None:
    revision = Revision(
        number=1, created_at=5.0, deployment="d", agent="desk", plan=Plan(agent="desk")
    )
    (row,) = Result(History(revisions=(revision,))).to_dicts()
    assert (row["revision"], row["created_at_s"], row["cost"]) == (1, 5.0, None)


def test_a_profile_tells_why_an_ability_is_missing() -> None:
    profile = Profile(path="llmapi", reasons={"retention": "takes none"})
    assert re.search(r"retention +off +takes none", repr(Result(profile)))


def test_a_benchmark_turns_into_one_row_a_variant() -> None:
    variant = VariantReport(
        name="plan",
        what="",
        reuse=True,
        tokens_per_block=32,
        pool_blocks=10,
        prompt_tokens=200,
        token_hit_rate=0.75,
        elapsed_ms=900.0,
    )
    report = BenchReport(
        agent="desk.py",
        target="t",
        iterations=1,
        items_per_iteration=1,
        inputs="",
        variants=(variant,),
        complete=False,
    )
    (row,) = Result(report).to_dicts()
    assert (row["computed_tokens"], row["elapsed_ms"], row["ttft_ms_p50"]) == (50, 900.0, None)
    assert repr(Result(report)).endswith("interrupted: figures so far")


def test_a_notebook_gets_html_and_a_terminal_its_own_width() -> None:
    result: Any = Result(run(request("facts", 25)))
    assert "<pre" in result._repr_mimebundle_((), ())["text/html"]
    assert max(map(len, printed(result.record, width=60).splitlines())) <= 60


def test_what_is_no_result_is_refused() -> None:
    with pytest.raises(TypeError, match="Change is no result"):
        repr(Result(CHANGE))
    with pytest.raises(TypeError, match="Change has no rows"):
        Result(CHANGE).to_dicts()


COST = RunCost(items=3, requests=9, computed_tokens=400, prompt_tokens=1_000, whole_ms=2_500.0)
KEPT = RunSummary(
    number=7, run="r7", variant="plan", state="done", as_written=False, agent="a/desk.py", cost=COST
)


def test_runs_on_record_lead_with_what_they_cost() -> None:
    result = Result(RunList((KEPT,)))
    assert re.search(r"7 +plan +done +desk .* 400 +1,000 +2\.50 .* 60\.0%", repr(result))
    (row,) = result.to_dicts()
    assert (row["number"], row["computed_tokens"], row["token_hit_rate"]) == (7, 400, 0.6)
    assert "no run is on record" in repr(Result(RunList()))


def test_a_run_is_shown_with_its_requests() -> None:
    result = Result(RunDetail(summary=KEPT, requests=(request("facts", 60),), errors=("late",)))
    assert re.search(r"facts +40 +100 +20\.0", repr(result))
    assert "late" in repr(result)
    assert result.to_dicts()[0]["node"] == "facts"


def test_two_runs_are_compared_in_words_first_and_with_intervals() -> None:
    difference = RunDifference(
        figure="whole_ms", before=2_000.0, after=2_900.0, change=0.45, interval=Interval(0.4, 0.5)
    )
    compared = RunComparison(
        before=replace(KEPT, number=6),
        after=KEPT,
        verdict=Verdict("runs 45 % longer: not worth it here", worth=False),
        differences=(difference,),
    )
    first, *lines = repr(Result(compared)).splitlines()
    assert first == "run 7 against run 6: runs 45 % longer: not worth it here"
    assert re.search(r"whole_ms +2,000 +2,900 +\+45\.0% +\+40\.0% +\+50\.0%", "\n".join(lines))
