"""Calls that were not taken for one of a model: how near each came, and the lines of a
`[recognizers]` table that would make it one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.recognise import CallShape, names_in, words_of
from charter_engine.parser.values.values import External

MOST_KEPT = 400
"""Assumed: of each file; the nearest few are told."""


@dataclass(frozen=True, slots=True)
class NearCall:
    """A call with what speaks for it, the reasons in words, and how it is written: by its dotted
    name where it is imported, else by the path of its attributes.

    `likeness` is the evidence, and more where arguments have the names of a prompt or a model.
    """

    path: str
    line: int
    end_line: int
    likeness: int
    reasons: tuple[str, ...]
    written: str
    dotted: str
    prompt: tuple[str, ...]

    @property
    def makes_object(self) -> bool:
        return self.written.rpartition(".")[2][:1].isupper()

    @property
    def told(self) -> str:
        return f"{self.written}(…) is no call: {'; '.join(self.reasons)}"

    @property
    def recognizers(self) -> tuple[str, ...]:
        """The lines that make it a call."""
        by = "functions" if self.dotted else "paths"
        place = self.dotted or ".".join(self.written.split(".")[-3:])
        return (
            "[[recognizers.families]]",
            'name = "mine"',
            f"{by} = {json.dumps([place])}",
            f"prompt = {json.dumps(list(self.prompt))}",
            f"positional = {json.dumps(list(self.prompt[:1]))}",
        )


def near_call(
    path: str, shape: CallShape, catalogue: Catalogue, evidence: int, reasons: tuple[str, ...]
) -> NearCall:
    node = shape.node
    imported = [kind.dotted for kind in shape.callee if isinstance(kind, External)]
    named = [name for name, _, _ in shape.keywords if name in catalogue.evidence.request_prompts]
    model = shape.keyword_names & catalogue.evidence.request_models
    return NearCall(
        path,
        node.lineno,
        node.end_lineno or node.lineno,
        max(0, evidence) + 2 * (bool(named) or is_given_prompt(shape, catalogue)) + bool(model),
        reasons,
        ".".join(shape.path),
        min(imported, default=""),
        tuple(named) or ("prompt",),
    )


def is_given_prompt(shape: CallShape, catalogue: Catalogue) -> bool:
    """Whether an argument by place is named as a prompt is, and the receiver may be a model."""
    words = catalogue.evidence
    receiver = set(words_of(shape.path[-2])) if len(shape.path) > 1 else set[str]()
    named = {
        word for node, _ in shape.positional for name in names_in(node) for word in words_of(name)
    }
    return bool(named & words.prompt_strong) and not receiver & words.receiver_never
