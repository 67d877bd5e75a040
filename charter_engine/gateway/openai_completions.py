"""OpenAI's `/v1/completions`."""

import time
import uuid

from charter_engine.gateway.asking import Answered, Asking, Ended, Piece, Text
from charter_engine.gateway.bodies import (
    TokenId,
    read_body,
)
from charter_engine.gateway.errors import GatewayError, not_supported
from charter_engine.gateway.openai_bodies import SampledBody
from charter_engine.gateway.openai_chat import ONE_ANSWER, usage_body
from charter_engine.gateway.openai_errors import error_body, error_event
from charter_engine.gateway.server_sent import DONE, event

DEFAULT_MAX_TOKENS = 16
"""OpenAI's own default of this route."""


class CompletionBody(SampledBody, frozen=True, kw_only=True):
    """What is read of a request; other fields change nothing here."""

    prompt: str | list[str | TokenId | list[TokenId]]
    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None
    logprobs: int | None = None


class OpenAiCompletions:
    """A text to be continued."""

    last_words = b"[DONE]"

    def read(self, body: bytes) -> Asking:
        asked = read_body(body, CompletionBody)
        _require_possible(asked)
        return Asking(
            model=asked.model,
            prompt=_one_prompt(asked.prompt),
            max_tokens=DEFAULT_MAX_TOKENS if asked.max_tokens is None else asked.max_tokens,
            sampling=asked.sampling,
            stream=bool(asked.stream),
            usage_in_stream=asked.usage_in_stream,
        )

    def whole(self, asking: Asking, answer: Answered) -> object:
        return {
            **_head(asking.model),
            "choices": [_choice(answer.text, answer.ended.reason)],
            "usage": usage_body(answer.ended.usage),
        }

    def events(self, asking: Asking) -> "CompletionEvents":
        return CompletionEvents(asking)

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    def failure(self, error: GatewayError, _events: int) -> bytes:
        return error_event(error)


class CompletionEvents:
    """A streamed answer: `text_completion` objects."""

    def __init__(self, asking: Asking) -> None:
        self._head = _head(asking.model)
        self._with_usage = asking.usage_in_stream

    def begin(self) -> bytes:
        return b""

    def piece(self, piece: Piece) -> bytes:
        match piece:
            case Text(text):
                return event({**self._head, "choices": [_choice(text)]})
            case Ended():
                last = event({**self._head, "choices": [_choice("", piece.reason)]})
                usage = event({**self._head, "choices": [], "usage": usage_body(piece.usage)})
                return last + (usage if self._with_usage else b"") + DONE
            case _:
                return b""


def _require_possible(asked: CompletionBody) -> None:
    """Raises `GatewayError` for what `charter_bls` cannot do."""
    if asked.n not in {None, 1} or asked.best_of not in {None, 1}:
        raise not_supported("n", ONE_ANSWER)
    if asked.echo:
        raise not_supported("echo", "the answer alone is given")
    if asked.suffix:
        raise not_supported("suffix", "text is continued, not filled in")
    if asked.logprobs is not None:
        raise not_supported("logprobs", "the server gives none")


def _one_prompt(prompt: str | list[str | TokenId | list[TokenId]]) -> str | tuple[int, ...]:
    if not prompt:
        raise GatewayError(400, "prompt is empty: send a text, or token ids", field="prompt")
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    ids = prompt[0] if len(prompt) == 1 and isinstance(prompt[0], list) else prompt
    whole = tuple(item for item in ids if isinstance(item, int))
    if not whole or len(whole) != len(ids):
        raise not_supported("prompt", "one prompt is taken with a request: a text, or token ids")
    return whole


def _choice(text: str, reason: str | None = None) -> dict[str, object]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}


def _head(model: str) -> dict[str, object]:
    return {
        "id": f"cmpl-{uuid.uuid4().hex}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
    }
