"""The model behind a gateway: its tokenizer, its chat template, and how long a prompt it takes."""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from charter_engine.bls.tokenizer import Tokenizer, TokenizerError
from charter_engine.errors import UsageError
from charter_engine.gateway.asking import Asking, Chat
from charter_engine.gateway.chat_template import rendered
from charter_engine.gateway.errors import GatewayError, too_long
from charter_engine.triton.chat_template import ChatTemplate, read_chat_template
from charter_engine.triton.request import GenerateRequest

DEFAULT_MAX_TOKENS = 1024
"""How long an answer may get where neither the client nor the model says."""


@dataclass(frozen=True)
class ServedModel:
    """What is known of the model from here.

    `tokenizer` None: its files are elsewhere, and prompts are not counted before they are sent.
    `context` is the most tokens of a prompt and its answer together, None where it is not known.
    """

    tokenizer: Tokenizer | None = None
    template: ChatTemplate = field(default_factory=ChatTemplate)
    context: int | None = None

    def request(self, asking: Asking, request_id: str, session: str) -> GenerateRequest:
        """What is asked of `charter_bls`. Raises `GatewayError` for a prompt that the template
        refuses or that is too long for the model."""
        prompt = asking.prompt
        text = self.rendered(prompt) if isinstance(prompt, Chat) else prompt
        length = self._require_short(text)
        room = DEFAULT_MAX_TOKENS
        if self.context is not None and length is not None:
            room = min(room, self.context - length)
        return GenerateRequest(
            max_tokens=asking.max_tokens or room,
            text=text if isinstance(text, str) else None,
            token_ids=() if isinstance(text, str) else text,
            session=session,
            request_id=request_id,
            sampling=asking.sampling,
        )

    def tokens_of(self, chat: Chat) -> int:
        """The length of a conversation. Raises `GatewayError` where it cannot be counted here."""
        if self.tokenizer is None:
            raise GatewayError(404, "tokens are not counted here: the tokenizer is elsewhere")
        return len(self.tokenizer.encode(self.rendered(chat))[0])

    def rendered(self, chat: Chat) -> str:
        """A conversation as the text of its prompt, without the first token where the tokenizer
        puts it there by itself. Raises `GatewayError` where the template refuses it."""
        text = rendered(self.template, chat)
        begin = self.template.begin
        adds_it = begin and self.tokenizer is not None and self.tokenizer.encode("")[0]
        return text.removeprefix(begin) if adds_it else text

    def _require_short(self, prompt: str | tuple[int, ...]) -> int | None:
        """The prompt's tokens, or at most so many; None where they are not known."""
        if self.context is None:
            return None
        if isinstance(prompt, str):
            # No token is shorter than a byte, so most prompts need no counting.
            length = len(prompt.encode()) + 1
            if length >= self.context and self.tokenizer is not None:
                length = len(self.tokenizer.encode(prompt)[0])
            elif self.tokenizer is None:
                return None
        else:
            length = len(prompt)
        if length >= self.context:
            raise too_long(length, self.context - 1)
        return length


def read_model(
    tokenizer: Path | None, engine: Path | None, context: int | None = None
) -> ServedModel:
    """What the files of a model tell: its tokenizer, and the engine's `config.json`.

    Each may be None, or be elsewhere. `context` wins over what the engine says.
    Raises `UsageError` for files that cannot be read.
    """
    found = tokenizer is not None and tokenizer.exists()
    try:
        loaded = Tokenizer(tokenizer) if found and tokenizer is not None else None
    except TokenizerError as error:
        raise UsageError(
            str(error), remedy="name a tokenizer.json, or a folder that holds one"
        ) from None
    return ServedModel(
        tokenizer=loaded,
        template=read_chat_template(tokenizer if found else None),
        context=context or _context_of(engine),
    )


class _BuildConfig(msgspec.Struct, frozen=True):
    max_seq_len: int | None = None


class _EngineConfig(msgspec.Struct, frozen=True):
    build_config: _BuildConfig = _BuildConfig()


def _context_of(engine: Path | None) -> int | None:
    """`max_seq_len` of an engine directory; None where it is not here or does not say."""
    file = None if engine is None else engine / "config.json"
    if file is None or not file.is_file():
        return None
    try:
        config = msgspec.json.decode(file.read_bytes(), type=_EngineConfig)
    except msgspec.DecodeError:
        return None
    return config.build_config.max_seq_len
