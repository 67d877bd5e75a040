"""Conversations as text, which a tokenizer turns into prompts: ShareGPT's `conversations`, OpenAI's
`messages`, AIPerf's message lines and LMCache's recorded inputs.

The text of a message is tokenised behind its role, without the model's own chat template: lengths
differ by a few tokens a message from what a server sees, and what prompts share does not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import batch_of
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.following import Followers
from charter_engine.kvcache.workload.formats.reading import (
    MS_PER_UNIT,
    Format,
    ReadOptions,
    RecordReader,
)

Tokenize = Callable[[str], Sequence[int]]
Message = Mapping[str, Any]
ASSISTANTS = frozenset(("assistant", "gpt", "chatgpt", "bard", "bing", "model"))
_FIELDS = ("messages", "conversations", "conversation", "input", "text_input", "prompt")
"""What messages or text are called in these formats."""

DEFAULT_OUTPUT_TOKENS = 128
"""*Assumed* where a record has neither an answer nor its length."""

TEXT_NOTE = "text was tokenised without the model's chat template (assumed)"


class Conversation:
    """Adds requests of text, those of one session one after another."""

    def __init__(self, options: ReadOptions) -> None:
        if options.tokenize is None:
            raise ValueError(
                "these are texts, and how many tokens they are only a tokenizer tells; give one"
            )
        self._tokenize = options.tokenize
        self._followers = Followers()
        self._known: dict[str, list[int]] = {}
        self.assumed_outputs = 0

    def add(
        self,
        prompt: Sequence[Message],
        answer: str | int | None,
        builder: WorkloadBuilder,
        *,
        session: str,
        arrival_ms: float | None,
        delay_ms: float = 0.0,
    ) -> None:
        """Add a request; `answer` is its text or how many tokens that has."""
        tokens = [token for message in prompt for token in self._tokens(message)]
        output = self._ids(answer) if isinstance(answer, str) else ()
        length = len(output) if isinstance(answer, str) else answer
        if length is None:
            length = DEFAULT_OUTPUT_TOKENS
            self.assumed_outputs += 1
        follows = None
        if arrival_ms is None:
            waiting = self._followers.after_previous(session, delay_ms)
            arrival_ms, follows = waiting or (0.0, None)
        batch = batch_of(
            [
                WorkloadRequest(
                    timestamp=arrival_ms,
                    input_length=len(tokens),
                    output_length=length,
                    token_ids=tuple(tokens),
                    session=session,
                )
            ]
        )
        for problem in batch.problems().values():
            raise ValueError(problem)
        builder.extend(batch)
        self._followers.added(session, arrival_ms, follows, builder)

    def finish(self, builder: WorkloadBuilder) -> None:
        """Say what is assumed."""
        builder.notes.append(TEXT_NOTE)
        if self.assumed_outputs:
            builder.notes.append(
                f"{self.assumed_outputs} answers are assumed to have {DEFAULT_OUTPUT_TOKENS} tokens"
            )
        builder.notes += self._followers.notes()

    def _tokens(self, message: Message) -> list[int]:
        # Messages recur in every later prompt of their conversation.
        text = f"{_role(message)}\n{text_of(message)}\n"
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = list(self._tokenize(text))
        return known

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenize(text))


def turns(messages: Sequence[Message]) -> Iterator[tuple[Sequence[Message], str | None]]:
    """The requests of some messages, each with its answer: one for each answer of a conversation
    that ends with one, else the one that is still to be answered."""
    if not messages:
        raise ValueError("no message in it")
    if _role(messages[-1]) not in ASSISTANTS:
        yield messages, None
        return
    for place, message in enumerate(messages):
        if place and _role(message) in ASSISTANTS:
            yield messages[:place], text_of(message)


def text_of(message: Message) -> str:
    """The text of a message, in OpenAI's or ShareGPT's spelling."""
    content = message.get("content", message.get("value", ""))
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    calls = message.get("tool_calls")
    return f"{content or ''}{calls or ''}"


def _role(message: Message) -> str:
    return str(message.get("role", message.get("from", "user")))


class TextReader(RecordReader):
    """Takes conversations and single requests."""

    def __init__(self, options: ReadOptions) -> None:
        self._conversation = Conversation(options)
        self._ms_per_unit = MS_PER_UNIT[options.time_unit or "ms"]
        self._count = 0

    def read(self, row: dict[str, Any], builder: WorkloadBuilder) -> None:
        """See `RecordReader`."""
        self._count += 1
        session = str(row.get("session_id") or row.get("id") or f"conversation {self._count}")
        time = row.get("timestamp")
        arrival = float(time) * self._ms_per_unit if isinstance(time, int | float) else None
        delay = float(row.get("delay") or 0.0) * self._ms_per_unit
        delay += 1000 * float(row.get("pre_gap") or 0.0)
        length = row.get("output_length", row.get("max_tokens"))
        for prompt, answer in turns(_messages(row)):
            self._conversation.add(
                prompt,
                length if answer is None else answer,
                builder,
                session=session,
                arrival_ms=arrival,
                delay_ms=delay,
            )
            arrival, delay = None, 0.0

    def finish(self, builder: WorkloadBuilder) -> None:
        """See `Reader`."""
        self._conversation.finish(builder)


def _messages(row: Mapping[str, Any]) -> Sequence[Message]:
    """The messages of a record, with the recorded answer, if there is one, as the last."""
    body = row.get("payload")
    if isinstance(body, dict):
        return _messages(body)
    found = next((row[name] for name in _FIELDS if isinstance(row.get(name), list | str)), None)
    if found is None:
        raise ValueError("neither messages nor text in it")
    said = [{"role": "user", "content": found}] if isinstance(found, str) else found
    answer = row.get("output")
    return [*said, {"role": "assistant", "content": answer}] if answer else said


def _recognises(first: Mapping[str, Any]) -> bool:
    has_text = any(isinstance(first.get(name), list | str) for name in _FIELDS)
    return has_text or isinstance(first.get("payload"), dict)


TEXTS = Format("conversations as text", _recognises, TextReader)
