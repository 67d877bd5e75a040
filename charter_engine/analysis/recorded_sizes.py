"""What recorded requests show of an agent's calls, and inputs of the sizes that make such
requests."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median_low

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from charter_engine.analysis.assumed_inputs import ASSUMED_RUNS, Sizes, words_of
from charter_engine.contracts.graph import Call, Segment
from charter_engine.kvcache.workload.columns import Ints, Workload
from charter_engine.prompts.assembly import runnable
from charter_engine.prompts.histories import grows
from charter_engine.prompts.tokens import Encode

LARGEST_TOKENS = 2_000_000
"""Prompt tokens that are generated of recorded sizes: enough to tell how the calls share, and soon
predicted."""

SAMPLE_WORDS = 25
"""Measured: of 25 such words a word has 10 % fewer tokens than of 100, whose numbers are longer."""


class RecordedCall(Struct, frozen=True):
    """Medians of a call over the sessions of a workload; lengths in tokens.

    `turns` are its requests in a session (0: the workload names no sessions), `prompt` is the
    length of a session's first, `growth` how much longer the next one is, and `answer` what was
    generated.
    """

    requests: int
    turns: int
    prompt: int
    growth: int
    answer: int

    def prompt_tokens(self, turns: int) -> int:
        """Of so many turns together."""
        return turns * self.prompt + self.growth * turns * (turns - 1) // 2


def recorded_calls(workload: Workload) -> dict[str, RecordedCall]:
    """What a workload shows of each node that it names."""
    conversation = workload.conversation
    found = {}
    for number, node in enumerate(workload.nodes):
        places = np.flatnonzero(workload.node == number)
        if node and len(places):
            found[node] = _recorded(workload, places, conversation[places])
    return found


def sessions_of(workload: Workload) -> int:
    """How many sessions a workload names."""
    return len(set(workload.conversation.tolist()) - {0})


def _recorded(workload: Workload, places: Ints, conversation: Ints) -> RecordedCall:
    lengths = workload.input_length[places]
    by_session = [lengths[conversation == one] for one in np.unique(conversation) if one]
    steps = [step for session in by_session for step in np.diff(session).tolist()]
    return RecordedCall(
        requests=len(places),
        turns=_median(map(len, by_session)),
        prompt=_median(int(session[0]) for session in by_session) or _median(lengths.tolist()),
        growth=max(0, _median(steps)),
        answer=_median(workload.output_length[places].tolist()),
    )


def _median(values: Iterable[int]) -> int:
    listed = list(values)
    return median_low(listed) if listed else 0


def answering_as_recorded(
    calls: Sequence[Call], recorded: Mapping[str, RecordedCall]
) -> tuple[Call, ...]:
    """The calls with answers as long as the recorded ones."""
    return tuple(
        replace(call, parameters={**call.parameters, "max_tokens": recorded[call.id].answer})
        if call.id in recorded and recorded[call.id].answer
        else call
        for call in calls
    )


def recorded_sizes(
    calls: Sequence[Call], recorded: Mapping[str, RecordedCall], sessions: int, encode: Encode
) -> Sizes:
    """Sizes that make the calls' prompts as long as the recorded ones, and as many turns.

    What of a prompt is neither constant nor an answer is shared out among the variables that no
    other call has sized before; those of few variables come first.
    """
    tokens: dict[str, int] = {}
    known = [call for call in runnable(calls) if call.id in recorded]
    for call in sorted(known, key=lambda call: len(_variables(call.segments))):
        seen = recorded[call.id]
        left = [segment for segment in call.segments if segment.each_turn and grows(call)]
        sent = [segment for segment in call.segments if segment not in left]
        _share_out(seen.prompt, (*call.head, *sent), tokens, recorded, encode)
        _share_out(seen.growth, left, tokens, recorded, encode)
    turns = {call.id: recorded[call.id].turns for call in known if recorded[call.id].turns}
    runs, longest = _affordable(known, recorded, min(sessions, ASSUMED_RUNS) or ASSUMED_RUNS)
    return Sizes(
        words={name: _words(name, length, encode) for name, length in tokens.items()},
        turns={call: min(number, longest) for call, number in turns.items()},
        runs=runs,
    )


def _share_out(
    length: int,
    segments: Sequence[Segment],
    tokens: dict[str, int],
    recorded: Mapping[str, RecordedCall],
    encode: Encode,
) -> None:
    """Give the variables of a stretch of a prompt that have no size yet what is left of it."""
    variables = _variables(segments)
    unsized = [names for names in variables if not any(name in tokens for name in names)]
    for segment in segments:
        if segment.kind == "static":
            length -= _tokens(segment.text, encode)
        elif segment.call is not None and segment.call in recorded:
            length -= recorded[segment.call].answer
    length -= sum(
        next(tokens[name] for name in names if name in tokens)
        for names in variables
        if names not in unsized
    )
    for names in unsized:
        tokens.update(dict.fromkeys(names, max(0, length) // len(unsized)))


def _variables(segments: Sequence[Segment]) -> list[tuple[str, ...]]:
    """The names under which inputs fill each variable, every variable once."""
    named = [
        tuple(filter(None, (segment.expression, segment.name))) or (f"unknown_{segment.line}",)
        for segment in segments
        if segment.kind in ("variable", "unknown")
    ]
    return list(dict.fromkeys(named))


def _words(name: str, tokens: int, encode: Encode) -> int:
    """How many words of an assumed text make so many tokens."""
    sample = _tokens(words_of(name, "0", SAMPLE_WORDS), encode) / SAMPLE_WORDS
    return max(1, round(tokens / sample))


def _tokens(text: str, encode: Encode) -> int:
    return len(encode(text, ())[0])


def _affordable(
    calls: Sequence[Call], recorded: Mapping[str, RecordedCall], runs: int
) -> tuple[int, int]:
    """How many runs, and of how many turns at most, stay below what is generated."""
    longest = max((recorded[call.id].turns for call in calls), default=1) or 1

    def tokens(turns: int) -> int:
        seen = [recorded[call.id] for call in calls]
        return sum(one.prompt_tokens(min(one.turns or 1, turns)) for one in seen)

    runs = max(1, min(runs, LARGEST_TOKENS // max(1, tokens(longest))))
    while longest > 1 and runs * tokens(longest) > LARGEST_TOKENS:
        longest = longest * 3 // 4
    return runs, longest
