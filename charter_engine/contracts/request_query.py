"""Which of the requests on record are asked for."""

from msgspec import Struct

from charter_engine.contracts.live import RequestRecord


class RequestQuery(Struct, frozen=True, kw_only=True):
    """Requests to find, the latest first: of runs, and those that passed through a deployment.

    `run` is a run's number, `node` a node's id, or the end of one behind a dot; `since` an epoch
    second. `request_id` is a request's id at Triton and the gateway's `X-Request-Id`.
    `slower_than_ms` is of the whole answer, `computed_more_than` of prompt tokens. `failed` leaves
    out those that were answered. None and empty ask for all.
    """

    run: int | None = None
    node: str = ""
    request_id: str = ""
    since: float | None = None
    failed: bool = False
    slower_than_ms: float | None = None
    computed_more_than: int | None = None
    limit: int = 50


class RequestList(Struct, frozen=True, kw_only=True):
    """The requests that were found. `more`: there are others, beyond as many as were asked for."""

    requests: tuple[RequestRecord, ...] = ()
    more: bool = False
