"""What passed, added up."""

from charter_engine.traffic.figures import by_node, summary_of
from tests.unit.traffic.records import record


def test_the_node_that_computed_most_stands_first() -> None:
    records = [
        record([1] * 50, node="small", reused_tokens=45),
        record([2] * 90, node="large", reused_tokens=10),
        record([3] * 50, node="small", reused_tokens=20),
    ]
    large, small = by_node(records)
    assert (large.node, large.requests, large.computed_tokens, large.reused_tokens) == (
        "large",
        1,
        80,
        10,
    )
    assert (small.requests, small.prompt_tokens, small.computed_tokens) == (2, 100, 35)


def test_requests_that_match_no_node_are_told_apart_by_the_reason() -> None:
    records = [record([1], unmatched="one"), record([1], unmatched="two"), record([1], node="n")]
    assert {(item.node, item.unmatched) for item in by_node(records)} == {
        ("", "one"),
        ("", "two"),
        ("n", ""),
    }


def test_failures_are_counted_and_add_no_tokens() -> None:
    (node,) = by_node([record([1] * 5, node="n", error="no"), record([1] * 7, node="n")])
    assert (node.requests, node.failures, node.prompt_tokens) == (2, 1, 7)


def test_what_the_engine_does_not_tell_stays_unknown() -> None:
    (node,) = by_node([record([1] * 5, node="n")])
    assert (node.computed_tokens, node.reused_tokens, node.ttft_ms_mean) == (None, None, None)


def test_times_are_those_of_answered_requests() -> None:
    records = [
        record([1], node="n", ttft_ms=float(number), total_ms=10.0, form="as written")
        for number in range(100)
    ]
    (node,) = by_node([*records, record([1], node="n", error="no", ttft_ms=9_999.0)])
    assert (node.ttft_ms_mean, node.ttft_ms_p95, node.total_ms_mean) == (49.5, 95.0, 10.0)
    assert node.forms == {"as written": 100}


def test_the_summary_tells_the_time_and_what_was_lost() -> None:
    summary = summary_of([record([1], at=3.0), record([2], at=1.0)], lost=7)
    assert (summary.requests, summary.sessions) == (2, 2)
    assert (summary.begin, summary.end, summary.lost) == (1.0, 3.0, 7)
    assert summary_of([]).begin is None


def test_what_became_of_layouts_is_counted_by_reason() -> None:
    records = [
        record([1], node="n", laid_out=True),
        record([1], node="n", layout_reason="its session is in the control share"),
        record([1], node="n"),
    ]
    (node,) = by_node(records)
    assert node.laid_out == 1
    assert node.layout_reasons == {"its session is in the control share": 1}


def test_who_sent_the_requests_is_counted() -> None:
    records = [record([1], node="n", source=source) for source in ("run", "program", "run")]
    (node,) = by_node(records)
    assert node.sources == {"run": 2, "program": 1}
