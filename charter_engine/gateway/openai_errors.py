"""Errors in OpenAI's shape (platform.openai.com, "Error codes")."""

from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.server_sent import event

TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""Those that have a type of their own, beside what is the client's fault and the server's."""


def error_body(error: GatewayError) -> dict[str, object]:
    """The body of a failed request, and the data of a failed stream's last event."""
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    return {
        "error": {
            "message": error.message,
            "type": TYPES.get(error.status, kind),
            "param": error.field or None,
            "code": error.code or None,
        }
    }


def error_event(error: GatewayError) -> bytes:
    """What ends a stream that fails; OpenAI's clients raise it."""
    return event(error_body(error))
