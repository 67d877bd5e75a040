"""Sends a run's prompts, as token ids, to any server that takes these."""

from collections.abc import Callable

from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.errors import CharterError
from charter_engine.executor.target import TargetError
from charter_engine.executor.triton_target import by_tokens
from charter_engine.servers.protocol import InferenceServer, TokenRequest
from charter_engine.triton.request import Generated, GenerateRequest

OnSent = Callable[[GenerateRequest, tuple[int, ...], Generated], None]
"""Hears of a request with the ids of its prompt, and what came back."""


class ServerTarget:
    """A run's target. `tokens_per_block` tells blocks from reused tokens, where the server reuses
    whole ones. `salt` gives what keeps each prompt from others'; `on_sent` hears of every answered
    request."""

    def __init__(
        self,
        server: InferenceServer,
        tokenizer: Tokenizer,
        *,
        tokens_per_block: int | None = None,
        salt: Callable[[], str] = str,
        on_sent: OnSent = lambda *_: None,
    ) -> None:
        self._server = server
        self._tokenizer = tokenizer
        self._tokens_per_block = tokens_per_block
        self._salt = salt
        self._on_sent = on_sent

    async def generate(self, request: GenerateRequest) -> Generated:
        """Raises `TargetError`. Retention is left out: where it acts, runs go by Triton."""
        ids, _ = by_tokens(request, self._tokenizer)
        sent = TokenRequest(token_ids=ids, max_tokens=request.max_tokens, cache_salt=self._salt())
        try:
            answer = await self._server.complete(sent)
        except CharterError as error:
            raise TargetError(str(error), repeatable=error.kind == "unreachable") from error
        reused, missed = self._blocks(answer.reused_tokens, len(ids))
        generated = Generated(
            text=answer.text or self._tokenizer.decode(answer.output_ids),
            output_ids=answer.output_ids,
            prompt_tokens=answer.prompt_tokens,
            output_tokens=len(answer.output_ids) or None,
            reused_tokens=answer.reused_tokens,
            reused_blocks=reused,
            missed_blocks=missed,
            ttft_ms=answer.ttft_ms,
            latency_ms=answer.latency_ms,
        )
        self._on_sent(request, ids, generated)
        return generated

    def _blocks(self, reused_tokens: int | None, length: int) -> tuple[int | None, int | None]:
        size = self._tokens_per_block
        if reused_tokens is None or size is None:
            return None, None
        reused = reused_tokens // size
        return reused, -(-length // size) - reused
