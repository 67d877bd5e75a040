"""What `charter-engine run` says of requests that failed."""

from charter_engine.commands.run import failures
from charter_engine.contracts.live import RequestRecord, RunReport


def report(*records: RequestRecord) -> RunReport:
    return RunReport(
        run="r",
        agent="a.py",
        variant="plan",
        state="failed",
        items=1,
        elapsed_ms=1.0,
        nodes=(),
        requests=records,
    )


def record(node: str, error: str | None) -> RequestRecord:
    return RequestRecord(run="r", node=node, item=0, started_at=0.0, error=error)


def test_failures_name_node_and_cause_once() -> None:
    told = failures(
        report(
            record("A.ask", "no answer within 120 s"),
            record("A.ask", None),
            record("A.ask", "no answer within 120 s"),
            record("B.tell", "the prompt is too long"),
        )
    )
    assert list(told) == [
        "A.ask: no answer within 120 s (2 requests)",
        "B.tell: the prompt is too long",
    ]
