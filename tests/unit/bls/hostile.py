"""Plans and sessions whose variables hold what could mislead: separators, nothing, repetitions,
other scripts, and very long texts."""

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.laying import Laying, LayingOut
from charter_engine.bls.matching import NodeIndex
from charter_engine.bls.plan import AS_PLANNED, AS_WRITTEN, CONTINUATION, Form, Node, ServedPlan
from charter_engine.bls.rearrangement import Rearrangement

FIRST, SECOND = "first", "second"
FIXED = ("Rules.\n", "\n\nDocument:\n", "a", "aa", "ab", "\n", " Answer:", "é", "")
STRANGE = ("", " ", "a", "aaa", "\n\n", "Ω≠é", "\U0001f600", "e\N{COMBINING ACUTE ACCENT}", "\x00")


@dataclass(frozen=True)
class Outcome:
    """What was decided for a prompt, and the planned pieces that its true variables would give."""

    laying: Laying
    expected: tuple[str, ...]


def variable(chance: random.Random, fixed: list[str]) -> str:
    """A text that may hold the fixed ones, whole or cut off."""
    parts = []
    for _ in range(chance.randrange(4)):
        part = chance.choice([*fixed, *STRANGE])
        if part and chance.random() < 0.3:
            part = part[: chance.randrange(len(part)) + 1]
        parts.append(part)
    times = chance.choice((1, 1, 1, 2, 50)) if chance.random() < 0.97 else 20_000
    return "".join(parts) * times


def pieces(chance: random.Random) -> list[str | None]:
    """Fixed texts and variables in any order."""
    count = chance.randrange(1, 8)
    return [chance.choice(FIXED) if chance.random() < 0.5 else None for _ in range(count)]


def reordered(chance: random.Random) -> Outcome:
    """One prompt of a node that is laid out in another order, some of its fixed texts worded
    anew."""
    written = pieces(chance)
    order = list(range(len(written)))
    chance.shuffle(order)
    planned = [
        text if text is None or chance.random() < 0.7 else "Reworded. "
        for text in (written[index] for index in order)
    ]
    fill = tuple(index if written[index] is None else None for index in order)
    node = _node(FIRST, planned, written, Rearrangement(fill), AS_PLANNED)
    texts = _texts(chance, written)
    expected = tuple(
        texts[index] if text is None else text for index, text in zip(order, planned, strict=True)
    )
    return Outcome(_decided(_laying_out(node), node, "".join(texts)), expected)


def continued(chance: random.Random) -> tuple[Outcome, NDArray[np.int32] | None]:
    """A prompt that may go on from an earlier call of its session, among calls of others; and the
    tokens of the call that it really follows, None where it follows none."""
    before, appended = pieces(chance), pieces(chance)
    variables = [index for index, text in enumerate(before) if text is None]
    taken = chance.sample(variables, chance.randrange(len(variables) + 1))
    planned = [*before, None, *appended]
    written: list[str | None] = [
        *appended,
        *(item for _ in taken for item in (chance.choice(FIXED), None)),
        chance.choice(FIXED),
        None,
    ]
    places = [index for index, text in enumerate(written) if text is None]
    own = sum(text is None for text in appended)
    repeated = [*taken, len(before)]
    same = tuple(zip(places[own:], repeated, strict=True))
    fill = (
        *[None] * (len(before) + 1),
        *(index if text is None else None for index, text in enumerate(appended)),
    )
    moves = Rearrangement(fill, FIRST, len(before) + 1, same)
    first = Node(FIRST, (_form(before, AS_WRITTEN),))
    second = _node(SECOND, planned, written, moves, CONTINUATION)
    laying_out = _laying_out(first, second)
    sessions = [
        (_texts(chance, before), variable(chance, list(FIXED)))
        for _ in range(chance.choice((1, 3)))
    ]
    answered = [
        _answer(laying_out, first, texts, answer, number)
        for number, (texts, answer) in enumerate(sessions)
    ]
    follows = chance.random() < 0.8
    texts, answer = sessions[-1] if follows else (_texts(chance, before), "another")
    own_texts = [variable(chance, list(FIXED)) for _ in range(own)]
    fillings = iter([*own_texts, *(texts[index] for index in taken), answer])
    prompt = "".join(next(fillings) if text is None else text for text in written)
    rest = iter(own_texts)
    expected = tuple(next(rest) if text is None else text for text in appended)
    laying = _decided(laying_out, second, prompt)
    return Outcome(laying, expected), answered[-1] if follows else None


def _texts(chance: random.Random, written: list[str | None]) -> list[str]:
    fixed = [text for text in written if text]
    return [variable(chance, fixed) if text is None else text for text in written]


def _answer(
    laying_out: LayingOut, node: Node, texts: list[str], answer: str, number: int
) -> NDArray[np.int32]:
    """Have a prompt answered; its tokens, which no other has."""
    tokens = np.array([number, 100 + number], np.int32)
    laying = _decided(laying_out, node, "".join(texts))
    ends = [1] * len(texts)
    laying_out.answered(node.name, "", laying, tokens[:1], ends, tokens[1:].tolist(), answer)
    return tokens


def _decided(laying_out: LayingOut, node: Node, prompt: str) -> Laying:
    match = NodeIndex([node]).find(prompt)
    return laying_out.of(match, prompt, "") if match else Laying()


def _laying_out(*nodes: Node) -> LayingOut:
    return LayingOut(ServedPlan(nodes={node.name: node for node in nodes}))


def _node(
    name: str,
    planned: list[str | None],
    written: list[str | None],
    moves: Rearrangement,
    kind: str,
) -> Node:
    return Node(name, (_form(planned, kind), _form(written, AS_WRITTEN)), rearrangement=moves)


def _form(texts: list[str | None], name: str) -> Form:
    return Form(tuple(texts), tuple(range(len(texts))), name)
