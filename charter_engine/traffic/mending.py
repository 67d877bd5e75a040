"""What mending a cause would give: the traffic with its divergences removed, served again."""

from collections.abc import Collection, Sequence

import numpy as np

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.explaining import CauseKind
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.ids import Ints
from charter_engine.traffic.expected import grains_workload, predicted_reuse
from charter_engine.traffic.grains import Grains, grains_of
from charter_engine.traffic.misses import Miss


def mended_tokens(found: Sequence[Miss], cause: CauseKind, node: str, pool: PoolSettings) -> int:
    """How many fewer tokens a pool would compute for all these requests, had those of the node not
    left an earlier prompt for this cause. What it reuses as they are has to be known of each."""
    chosen = [
        miss.facts.place
        for miss in found
        if miss.cause.kind == cause and miss.seen.node == node and miss.diverges
    ]
    known = [miss.facts.predicted or 0 for miss in found]
    return int(predicted_reuse(mended(found, chosen), pool).sum()) - sum(known)


def mended(found: Sequence[Miss], chosen: Collection[int]) -> Workload:
    """The traffic with the prompts at the `chosen` places put so that they go on as the one they
    follow for all that they have in common with it; what is their own comes behind."""
    places, whose = set(chosen), {miss.seen.name: miss.facts.place for miss in found}
    prompts = [miss.seen for miss in found]
    units: dict[int, int] = {}
    contents: list[Grains] = []
    for miss, grains in zip(found, grains_of(prompts), strict=True):
        if miss.facts.place in places and miss.following is not None:
            _go_on(miss, contents[whose[miss.following.earlier.name]].hashes, units)
        contents.append(Grains(_units_of(grains.hashes, units), grains.beyond))
    return grains_workload(prompts, contents, prompts[0].at if prompts else 0.0)


def _go_on(miss: Miss, earlier: Ints, units: dict[int, int]) -> None:
    """Give the grains behind the place where a prompt leaves the earlier one the content that
    stands there, as far as the two have anything in common."""
    assert miss.following is not None
    first = miss.following.common // GRAIN_TOKENS
    last = (miss.following.common + miss.parts.diverged) // GRAIN_TOKENS
    own = miss.seen.hashes[first:last].tolist()
    for item, unit in zip(own, earlier[first:last].tolist(), strict=False):
        units.setdefault(item, unit)


def _units_of(hashes: Ints, units: dict[int, int]) -> Ints:
    return np.array([units.setdefault(item, item) for item in hashes.tolist()], np.int64)
