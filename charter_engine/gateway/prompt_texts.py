"""The prompts of bodies, as a model reads them."""

from dataclasses import dataclass

from charter_engine.gateway.asking import Chat
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.model import ServedModel


@dataclass(frozen=True)
class PromptText:
    """A prompt, and its tokens. One that came as token ids has no text."""

    text: str
    token_ids: tuple[int, ...]


def prompt_in(body: bytes, dialect: Dialect, model: ServedModel) -> PromptText | None:
    """The prompt of a body; None where it cannot be read, or the model's tokenizer is elsewhere."""
    if model.tokenizer is None:
        return None
    try:
        prompt = dialect.read(body).prompt
        text = model.rendered(prompt) if isinstance(prompt, Chat) else prompt
    except GatewayError:
        return None
    if isinstance(text, str):
        return PromptText(text, tuple(model.tokenizer.encode(text)[0]))
    return PromptText("", text)
