"""When requests arrive that wait for others."""

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.predict.arrivals import Arrivals
from charter_engine.kvcache.workload.columns import as_workload


def _request(at: float, served: float | None, session: str = "a") -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=at, input_length=8, output_length=1, session=session, served_ms=served
    )


def _arrivals(*requests: WorkloadRequest) -> Arrivals:
    return Arrivals(as_workload(requests))


def test_a_session_goes_on_from_its_answer_as_much_later_as_it_did() -> None:
    arrivals = _arrivals(_request(0, 100), _request(130, 50))
    assert arrivals.until(1000) == [(0, 0)]
    assert not arrivals
    arrivals.ended(0, 500)
    assert arrivals.next_ms == 530


def test_calls_of_a_session_that_ran_side_by_side_follow_what_had_ended() -> None:
    arrivals = _arrivals(_request(0, 100), _request(110, 500), _request(120, 10))
    assert arrivals.until(1000) == [(0, 0)]
    arrivals.ended(0, 200)
    assert arrivals.until(1000) == [(210, 1), (220, 2)]


def test_a_request_that_came_before_any_answer_comes_by_its_time_stamp() -> None:
    assert _arrivals(_request(0, 100), _request(50, 10)).until(60) == [(0, 0), (50, 1)]


def test_what_was_not_recorded_is_waited_for_by_nobody() -> None:
    assert _arrivals(_request(0, None), _request(50, 10)).until(60) == [(0, 0), (50, 1)]
    other = _arrivals(_request(0, 10), _request(50, 10, "b"), _request(60, 10, ""))
    assert [request for _, request in other.until(60)] == [0, 1, 2]
