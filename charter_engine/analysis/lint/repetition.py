"""Rules on text that stands more than once."""

import re
from collections.abc import Hashable, Iterator
from itertools import combinations

from charter_engine.analysis.layout import offers_alike
from charter_engine.analysis.lint.subject import Subject
from charter_engine.contracts.graph import Call
from charter_engine.contracts.lint import Finding
from charter_engine.prompts.assembly import CHARACTERS_A_TOKEN

_SPACE = re.compile(r"\s+")
LEAST_CHARACTERS = 60
"""Assumed: shorter heads, of some fifteen tokens, may be alike by accident."""


def whitespace_differs(subject: Subject) -> Iterator[Finding]:
    """`whitespace-differs`: constant heads equal but for white space."""
    heads = [(call, _head(call)) for call in subject.compiled.calls]
    heads = [(call, head) for call, head in heads if len(head) >= LEAST_CHARACTERS]
    for (first, one), (second, other) in combinations(heads, 2):
        shorter = min(len(one), len(other))
        if one[:shorter] == other[:shorter]:
            continue
        plain_one, plain_other = _SPACE.sub(" ", one).strip(), _SPACE.sub(" ", other).strip()
        shared = min(len(plain_one), len(plain_other))
        if shared >= LEAST_CHARACTERS and plain_one[:shared] == plain_other[:shared]:
            yield subject.finding(
                "whitespace-differs",
                second.line,
                message=f"the prompt begins like that of {first.id} (line {first.line}) "
                "but for white space",
                node=second.id,
                end_line=second.end_line,
            )


def tools_differ(subject: Subject) -> Iterator[Finding]:
    """`tools-differ`: prompts that begin alike behind different definitions of tools or schemas.

    Definitions that aren't at hand may be the same under two names.
    """
    heads = [(call, _head(call)) for call in subject.compiled.calls]
    told: set[str] = set()
    for (first, one), (second, other) in combinations(heads, 2):
        shared = _alike(one, other)
        known = all(part.kind == "static" for part in (*first.head, *second.head))
        if shared < LEAST_CHARACTERS or second.id in told or offers_alike(first, second):
            continue
        if not known and first.head and second.head:
            continue
        told.add(second.id)
        yield subject.finding(
            "tools-differ",
            second.line,
            message=f"the prompt begins like that of {first.id} (line {first.line}), but the model "
            "is offered other tools or another schema in front of it",
            confidence="certain" if known else "uncertain",
            reason="" if known else "the definitions are not at hand, and may be empty",
            node=second.id,
            tokens=shared // CHARACTERS_A_TOKEN,
            end_line=second.end_line,
        )


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _head(call: Call) -> str:
    parts = []
    for segment in call.segments:
        if segment.kind != "static":
            break
        parts.append(segment.text)
    return "".join(parts)


def text_repeated(subject: Subject) -> Iterator[Finding]:
    """`text-repeated`: a paragraph twice in one prompt, or an input twice.

    What every turn leaves in a history is no repetition, nor are the inputs of two functions that
    are called alike.
    """
    for call in subject.compiled.calls:
        seen: dict[Hashable, int] = {}
        for segment in call.segments:
            if segment.each_turn:
                continue
            text = (
                segment.text.strip()
                if segment.kind == "static"
                else segment.expression or segment.name
            )
            if segment.kind == "static" and len(text) < LEAST_CHARACTERS:
                continue
            line = segment.line or call.line
            where = None if segment.kind == "static" else subject.function_at(line)
            key = (segment.kind, text, segment.call, where)
            if (
                text
                and segment.kind != "unknown"
                and key in seen
                and (seen[key] != line or _written_twice(subject, text, line))
            ):
                yield subject.finding(
                    "text-repeated",
                    line,
                    message=f"{_shown(text)} stands twice in the prompt, first on line {seen[key]}",
                    node=call.id,
                    tokens=segment.tokens,
                )
            seen.setdefault(key, line)


def _written_twice(subject: Subject, expression: str, line: int) -> bool:
    """Whether one line holds an expression twice."""
    source = subject.lines[line - 1] if line <= len(subject.lines) else ""
    return source.replace('"', "'").count(expression.replace('"', "'")) > 1


def _shown(text: str) -> str:
    line = _SPACE.sub(" ", text)
    return repr(line if len(line) <= 40 else line[:37] + "...")
