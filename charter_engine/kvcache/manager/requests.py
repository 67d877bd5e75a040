"""One running request."""

from typing import TYPE_CHECKING

from charter_engine.bls.retention import Retention
from charter_engine.kvcache.manager.keys import Namespace

if TYPE_CHECKING:
    from charter_engine.kvcache.manager.blocks import Block


class HeldRequest:
    """Its content so far, the blocks that hold it, and what it asks for the blocks it generates."""

    __slots__ = (
        "_content",
        "_full_keys",
        "blocks",
        "decode_duration_ms",
        "decode_priority",
        "namespace",
        "prompt_length",
        "tokens_per_block",
    )

    def __init__(
        self, namespace: Namespace, prompt: bytes, tokens_per_block: int, retention: Retention
    ) -> None:
        self.namespace = namespace
        self.tokens_per_block = tokens_per_block
        self.prompt_length = len(prompt) // namespace.unit
        self.decode_priority = retention.decode_priority
        self.decode_duration_ms = retention.decode_duration_ms
        self.blocks: list[Block] = []
        self._content = bytearray(prompt)
        self._full_keys: list[bytes] = []

    @property
    def length(self) -> int:
        """Tokens of prompt and output."""
        return len(self._content) // self.namespace.unit

    def blocks_for(self, tokens: int) -> int:
        """Blocks that many tokens need."""
        return -(-tokens // self.tokens_per_block)

    def keys(self, tokens: int) -> list[bytes]:
        """The keys of the blocks of the first `tokens` tokens; the last one may be of a shorter
        block."""
        unit = self.namespace.unit
        span = unit * self.tokens_per_block
        content, known = self._content, self._full_keys
        full = tokens // self.tokens_per_block
        known += [
            bytes(content[start : start + span])
            for start in range(len(known) * span, full * span, span)
        ]
        keys = known[:full]
        if tokens % self.tokens_per_block:
            keys.append(bytes(content[full * span : tokens * unit]))
        return keys

    def extend(self, content: bytes) -> None:
        """Add generated tokens."""
        self._content += content

    def truncate(self, length: int) -> None:
        """Take back all tokens after the first `length`."""
        del self._content[length * self.namespace.unit :]
        del self._full_keys[length // self.tokens_per_block :]
