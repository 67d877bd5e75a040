"""Conversations as text, which a tokenizer turns into prompts: ShareGPT's `conversations`, OpenAI's
`messages`, AIPerf's message lines and LMCache's recorded inputs.

The text of a message is tokenised behind its role, without the model's own chat template: lengths
differ by a few tokens a message from what a server sees, and what prompts share does not.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from charter_engine.kvcache.workload.batch import (
    NO_SCOPE,
    RequestColumns,
    column,
    whole_numbers,
)
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import Followers
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    Format,
    ReadOptions,
    RecordReader,
)
from charter_engine.kvcache.workload.formats.request_logs import (
    LoggedMessage,
    holds_texts,
    logged_requests,
)
from charter_engine.kvcache.workload.ids import Ints

Tokenize = Callable[[str], Sequence[int]]

DEFAULT_OUTPUT_TOKENS = 128
"""*Assumed* where a record has neither an answer nor its length."""

TEXT_NOTE = "text was tokenised by {}, without the model's chat template (assumed)"


class Conversation:
    """Adds requests of text, those of one session one after another."""

    def __init__(self, options: ReadOptions) -> None:
        if options.tokenize is None:
            raise ValueError(
                "these are texts, and how many tokens they are only a tokenizer tells; give one"
            )
        self._tokenize = options.tokenize
        self._tokenizer = options.tokenizer
        self._followers = Followers()
        self._known: dict[str, Ints] = {}
        self.assumed_outputs = 0

    def add(
        self,
        prompt: Sequence[LoggedMessage],
        answer: str | int | None,
        builder: WorkloadBuilder,
        *,
        session: str,
        arrival_ms: float | None,
        delay_ms: float = 0.0,
        scope: tuple[str, str] = NO_SCOPE,
    ) -> None:
        """Add a request; `answer` is its text or how many tokens that has, `scope` its salt and its
        adapter."""
        tokens = np.concatenate([column(()), *map(self._tokens, prompt)])
        length = len(self._tokenize(answer)) if isinstance(answer, str) else answer
        if length is None:
            length = DEFAULT_OUTPUT_TOKENS
            self.assumed_outputs += 1
        after: Sequence[int] = ()
        if arrival_ms is None:
            after, arrival_ms = self._after_previous(session, delay_ms)
        batch = RequestColumns(
            arrival_ms=np.array([arrival_ms], dtype=np.float64),
            input_length=column([len(tokens)]),
            output_length=whole_numbers("the answer's length", [length]),
            unit_tokens=column([1]),
            unit_count=column([len(tokens)]),
            units=tokens,
            scopes=() if scope == NO_SCOPE else [scope],
            sessions=[session],
        )
        for problem in batch.problems().values():
            raise ValueError(problem)
        place = len(builder)
        builder.extend(batch)
        if after:
            builder.waits.add(place, after, delay_ms)
        self._followers.known[session] = place, arrival_ms

    def finish(self, builder: WorkloadBuilder) -> None:
        """Say what is assumed."""
        builder.notes.append(TEXT_NOTE.format(self._tokenizer))
        if self.assumed_outputs:
            builder.notes.append(
                f"{self.assumed_outputs} answers are assumed to have {DEFAULT_OUTPUT_TOKENS} tokens"
            )
        builder.notes += self._followers.notes(len(builder.waits))

    def _after_previous(self, session: str, delay_ms: float) -> tuple[Sequence[int], float]:
        """The place of the request before in a session, if there is one, and when the next
        arrives."""
        if session not in self._followers.known:
            return (), 0.0
        place, arrived_ms = self._followers.known[session]
        return (place,), arrived_ms + delay_ms

    def _tokens(self, message: LoggedMessage) -> Ints:
        # Messages recur in every later prompt of their conversation.
        text = message.written
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = column(self._tokenize(text))
        return known


class TextReader(RecordReader):
    """Takes conversations and single requests."""

    def __init__(self, options: ReadOptions) -> None:
        self._conversation = Conversation(options)
        self._ms_per_unit = MS_PER_UNIT[options.time_unit] if options.time_unit else None
        self._count = 0

    def read(self, row: dict[str, Any], builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        self._count += 1
        if row.get("message_mode") == "delta":
            raise ValueError(
                "`message_mode` is delta: what was answered is not in the file, so that no later "
                "prompt is known; have the messages hold the whole history"
            )
        for request in logged_requests(row, self._ms_per_unit):
            self._conversation.add(
                request.messages,
                request.answer,
                builder,
                session=request.session or f"conversation {self._count}",
                arrival_ms=request.at_ms,
                delay_ms=request.delay_ms,
                scope=(request.salt, request.adapter),
            )

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        self._conversation.finish(builder)


TEXTS = Format("conversations as text", holds_texts, TextReader)
