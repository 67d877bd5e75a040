"""What it costs to tell which node a prompt belongs to.

Bar: less than 0.2 ms of processor time in a plan of 200 nodes, for prompts of some 8,000 tokens,
whether they belong to a node or to none.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from charter_engine.bls.plan import Form, Node, rendered
from charter_engine.traffic.attribution import Attribution

NODES = 200
ROUNDS = 5
CHARACTERS = 32_000
"""Some 8,000 tokens."""
WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma "
    "tau"
).split()
CHATML = "<|im_start|>system\n{}<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
HEADINGS = frozenset({0, 2, 6})
IN_CHATML = {
    0: "<|im_start|>system\n",
    2: "<|im_end|>\n<|im_start|>user\n",
    6: "<|im_end|>\n<|im_start|>assistant\n",
}

Pieces = tuple[str | None, ...]


def plain(system: str, task: str, middle: str) -> list[Pieces]:
    """Prompts of 200 nodes; `task` and `middle` hold a node's number, or do not."""
    return [
        (
            f"{system}\n{task.format(number)}\n",
            None,
            f"\n\n{middle.format(number)}\n",
            None,
            "\nAnswer:",
        )
        for number in range(NODES)
    ]


def chat(system: str, task: str) -> list[Pieces]:
    """The same as a system and a user message."""
    return [
        (
            "<|system|>\n",
            system,
            "\n<|user|>\n",
            task.format(number) + "\n",
            None,
            "\nAnswer:",
            "\n<|assistant|>\n",
        )
        for number in range(NODES)
    ]


def attribution(
    prompts: Sequence[Pieces], headings: frozenset[int], *, own_template: bool = False
) -> Attribution:
    """With their `own_template` chats are known in its very markup too."""
    nodes = []
    for number, pieces in enumerate(prompts):
        form = Form(pieces, tuple(range(len(pieces))), "as written")
        within_markup = rendered(form, headings)
        assert within_markup is not None
        forms = [form, within_markup]
        if headings and own_template:
            written = tuple(IN_CHATML.get(index, piece) for index, piece in enumerate(pieces))
            forms.append(replace(form, pieces=written))
        nodes.append(Node(name=f"node{number}", forms=tuple(forms)))
    return Attribution(nodes)


def filled(pieces: Pieces, variable: str) -> str:
    texts = iter((variable, "short"))
    return "".join(next(texts) if piece is None else piece for piece in pieces)


def in_chatml(pieces: Pieces, variable: str) -> str:
    return CHATML.format(filled(pieces[1:2], variable), filled(pieces[3:6], variable))


def cost(prompts: Sequence[str], found: Attribution, expected: Callable[[int], str]) -> float:
    """Median processor milliseconds a prompt, with the reason where it belongs to no node."""
    costs = []
    for _ in range(ROUNDS):
        for number, prompt in enumerate(prompts):
            started = time.process_time_ns()
            attributed = found.of_text(prompt)
            costs.append((time.process_time_ns() - started) / 1e6)
            assert attributed.node == expected(number), attributed
    return statistics.median(costs)


def situations(chance: random.Random) -> Iterator[tuple[str, list[str], Attribution, bool]]:
    """What stands in the way, the prompts, and whether they belong to nodes."""
    system = "You are an expert. " + " ".join(chance.choices(WORDS, k=200))
    variable = " ".join(chance.choices(WORDS, k=CHARACTERS))[: CHARACTERS - 2_000]
    nothing = frozenset[int]()
    for words, prompts in (
        ("that begin apart", plain(system, "Task {}", "Notes:")),
        ("that differ in the middle only", plain(system, "Task", "Notes {}:")),
    ):
        known = attribution(prompts, nothing)
        yield words, [filled(pieces, variable) for pieces in prompts], known, True
        cut = [filled(pieces, variable) + " and so on" for pieces in plain(system, "Task", "No:")]
        yield f"{words}, none of which fits", cut, known, False
    chats = chat(system, "Task {}")
    stranger = [in_chatml(pieces, variable) for pieces in chat("Somebody else.", "Job {}")]
    for words, own in (("of messages", False), ("of messages in their own template", True)):
        known = attribution(chats, HEADINGS, own_template=own)
        yield words, [in_chatml(pieces, variable) for pieces in chats], known, True
        yield f"{words}, none of which fits", stranger, known, False


def main() -> None:
    for words, prompts, known, belong in situations(random.Random(1)):
        expected = "node{}".format if belong else lambda _: ""
        print(
            f"{NODES} nodes {words}: {cost(prompts, known, expected):.3f} ms a prompt of "
            f"{len(prompts[0]):,} characters (bar: 0.2)"
        )


if __name__ == "__main__":
    main()
