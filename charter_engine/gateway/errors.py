"""What goes wrong with a request, by the status that every API gives it."""

from charter_engine.errors import CharterError
from charter_engine.triton.errors import TritonRefused

TOO_LONG_WORDS = ("max_seq_len", "max_input_len")
"""In TensorRT-LLM's words for a prompt beyond the model."""


MODEL_GONE_WORDS = "is not healthy"
"""In Triton's words for a Python model whose process is gone."""


class GatewayError(Exception):
    """A request that is not answered. `status` is HTTP's; `field` names what is wrong in the body;
    `code` is OpenAI's word for it. `retriable`: the server failed, and another may answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        field: str = "",
        code: str = "",
        retriable: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.field = field
        self.code = code
        self.retriable = retriable


def not_supported(field: str, instead: str) -> GatewayError:
    """A field asks for what the server behind the gateway cannot do."""
    return GatewayError(400, f"{field} is not supported here: {instead}", field=field)


def unknown_model(name: str, known: tuple[str, ...]) -> GatewayError:
    """Nobody serves that model here."""
    return GatewayError(
        404,
        f"the model {name!r} is not served here; served: {', '.join(known)}",
        field="model",
        code="model_not_found",
    )


def too_long(tokens: int, limit: int) -> GatewayError:
    """The prompt has more tokens than the model takes."""
    return GatewayError(
        400,
        f"the prompt has {tokens:,} tokens, and the model takes at most {limit:,}",
        field="messages",
        code="context_length_exceeded",
    )


def broken_off(reason: str = "it has no end") -> GatewayError:
    """The upstream died in the middle of its answer."""
    return GatewayError(502, f"the upstream's answer broke off: {reason}", retriable=True)


def failed_by(error: CharterError) -> GatewayError:
    """What the server's failure is to the client."""
    if any(word in error.message for word in TOO_LONG_WORDS):
        return GatewayError(400, error.message, field="messages", code="context_length_exceeded")
    if isinstance(error, TritonRefused):
        return GatewayError(400, error.message)
    if error.kind == "unreachable" or MODEL_GONE_WORDS in error.message:
        return GatewayError(503, error.message, retriable=True)
    return GatewayError(500, error.message)
