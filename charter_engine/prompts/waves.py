"""Which items of a run begin alike, so that they are sent together: what they share is then
computed once, and is used again before other work evicts it."""

from collections.abc import Sequence
from itertools import pairwise

from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.prompts.assembly import CallInstance, assemble, with_head

SHARED_CHARACTERS = 400
"""About a hundred tokens. For less, beyond what all items share, nobody is kept waiting."""
Wave = tuple[int, ...]
"""Items by their places."""


def waves_of(chains: Sequence[Sequence[CallInstance]], plan: Plan) -> tuple[Wave, ...]:
    """The items, each a chain of calls in an order in which they can be made, in waves of those
    whose first prompts begin alike. Waves come in the order of their first items, items as they
    are given. Raises `MissingInput`."""
    texts = [_first_prompt(chain, plan) for chain in chains]
    order = sorted(range(len(texts)), key=texts.__getitem__)
    enough = SHARED_CHARACTERS
    if order:
        enough += _shared(texts[order[0]], texts[order[-1]])
    waves = [order[:1]] if order else []
    for before, place in pairwise(order):
        if _shared(texts[before], texts[place]) >= enough:
            waves[-1].append(place)
        else:
            waves.append([place])
    return tuple(sorted(tuple(sorted(wave)) for wave in waves))


def has_company(waves: Sequence[Wave]) -> bool:
    """Whether any item has another one in its wave."""
    return any(len(wave) > 1 for wave in waves)


def _first_prompt(chain: Sequence[CallInstance], plan: Plan) -> str:
    if not chain:
        return ""
    first = chain[0]
    prompt = assemble(first, plan.nodes.get(first.call.id, NodePlan()), {}, {})
    return "".join(piece.text for piece in with_head(first, prompt))


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
