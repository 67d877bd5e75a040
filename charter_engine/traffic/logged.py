"""Logged requests as prompts that were seen: tokenised message by message, without a chat
template.

Their texts go once they are tokens, and the tokens of the oldest prompts beyond a bound, too; their
hashes stay.
"""

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from charter_engine.bls.chain import Chain
from charter_engine.kvcache.workload.formats.request_logs import LoggedRequest
from charter_engine.traffic.seen import NO_TOKENS, SeenPrompt, TokenIds

MOST_TOKENS = 64 << 20
"""Of all prompts together: 256 MB."""
MOST_TEXTS = 1 << 16
"""Messages whose tokens are remembered, since they come again in later prompts."""
Tokenize = Callable[[str], Sequence[int]]


class LoggedPrompts:
    """Turns the requests of a log into prompts, by their arrival where it is told."""

    def __init__(self, tokenize: Tokenize, most_tokens: int = MOST_TOKENS) -> None:
        self._tokenize = tokenize
        self._most_tokens = most_tokens
        self._chain = Chain()
        self._known: dict[str, TokenIds] = {}
        self._prompts: list[SeenPrompt] = []
        self._with_tokens: deque[int] = deque()
        self._tokens = 0

    def prompts(self, requests: Iterable[tuple[int, LoggedRequest]]) -> list[SeenPrompt]:
        """The prompts of numbered requests. Requests without a time come a second after the one
        before them."""
        for number, request in requests:
            self._add(number, request)
        return sorted(self._prompts, key=lambda seen: seen.at)

    def _add(self, number: int, request: LoggedRequest) -> None:
        prompt = self._prompt_ids(request)
        if not len(prompt):
            return
        answer = self._ids(request.answer) if isinstance(request.answer, str) else NO_TOKENS
        at = self._time(request)
        hashes, answer_hashes = self._chain.with_answer(prompt, answer)
        seen = SeenPrompt(
            request=request.name or self._name(number),
            at=at,
            prompt_tokens=len(prompt),
            hashes=hashes.astype(np.int64),
            answer_hashes=answer_hashes.astype(np.int64),
            token_ids=np.concatenate((prompt, answer)),
            session=request.session,
            salt=request.salt,
            adapter=request.adapter,
            reused=_reused(request, len(prompt)),
            output_tokens=len(answer),
            ready_at=at,
            timed=request.at_ms is not None,
            line=number,
        )
        self._with_tokens.append(len(self._prompts))
        self._prompts.append(seen)
        self._tokens += len(seen.token_ids)
        self._forget()

    def _forget(self) -> None:
        """Let the tokens of the oldest prompts go that there is no room for."""
        while self._tokens > self._most_tokens and len(self._with_tokens) > 1:
            place = self._with_tokens.popleft()
            oldest = self._prompts[place]
            self._tokens -= len(oldest.token_ids)
            self._prompts[place] = dataclasses.replace(oldest, token_ids=NO_TOKENS)

    def _prompt_ids(self, request: LoggedRequest) -> TokenIds:
        if request.token_ids:
            return np.array(request.token_ids, np.int32)
        parts = [
            self._ids(message.written if message.role else message.text)
            for message in request.messages
        ]
        return np.concatenate(parts) if parts else NO_TOKENS

    def _ids(self, text: str) -> TokenIds:
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= MOST_TEXTS:
                self._known.clear()
            known = self._known[text] = np.array(self._tokenize(text), np.int32)
        return known

    def _time(self, request: LoggedRequest) -> float:
        if request.at_ms is not None:
            return request.at_ms / 1000
        return self._prompts[-1].at + 1.0 if self._prompts else 0.0

    def _name(self, number: int) -> str:
        """The line, and for further requests of one line their number in it."""
        line = str(number)
        names = sum(1 for seen in self._prompts[-64:] if seen.request.split(".")[0] == line)
        return f"{line}.{names + 1}" if names else line


def _reused(request: LoggedRequest, tokens: int) -> int | None:
    """What the server says that it reused, in tokens as they are counted here."""
    if request.cached_tokens is None:
        return None
    whole = request.prompt_tokens or tokens
    return min(tokens, round(request.cached_tokens * tokens / max(1, whole)))
