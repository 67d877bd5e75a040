"""What a failure of the server is to the client."""

import pytest

from charter_engine.errors import CharterError
from charter_engine.gateway.errors import failed_by
from charter_engine.triton.errors import ModelFailed, TritonRefused, Unreachable


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Unreachable("nobody answers"), 503, ""),
        (TritonRefused("the inner model takes no seed"), 400, ""),
        (ModelFailed("out of memory"), 500, ""),
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
