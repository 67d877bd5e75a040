"""What a failure of the server is to the client."""

import pytest

from charter_engine.errors import CharterError
from charter_engine.gateway.errors import GatewayError, failed_by
from charter_engine.gateway.openai_errors import error_body
from charter_engine.triton.errors import ModelFailed, TritonRefused, Unreachable


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unreachable("nobody answers"), 503, ""),
        (TritonRefused("the inner model takes no seed"), 400, ""),
        (ModelFailed("out of memory"), 500, ""),
        (ModelFailed("Stub process 'charter_bls_0_0' is not healthy."), 503, ""),
        (
            ModelFailed("input length 9000: max_seq_len is 8192"),
            400,
            "context_length_exceeded",
        ),
    ],
)
def test_each_failure_has_its_status(error: CharterError, status: int, code: str) -> None:
    failure = failed_by(error)
    assert (failure.status, failure.code, failure.message) == (status, code, error.message)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (403, "permission_error"),
        (405, "invalid_request_error"),
        (408, "invalid_request_error"),
        (503, "server_error"),
    ],
)
def test_what_the_client_did_is_not_called_the_servers_error(status: int, kind: str) -> None:
    told = {"message": "no", "type": kind, "param": None, "code": None}
    assert error_body(GatewayError(status, "no")) == {"error": told}


def test_that_no_triton_is_up_is_a_service_that_is_not_there() -> None:
    down = CharterError("no embedded Triton named 'default' is up", kind="unreachable")
    assert failed_by(down).status == 503
