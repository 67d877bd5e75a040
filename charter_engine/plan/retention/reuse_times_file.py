"""Reuse-times files: what was learnt of when prompts come back.

They are JSON that another process can decide retention by.
Text in, text out; nothing is opened here.
"""

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import MISSING, Division, Forest
from charter_engine.bls.pauses import Pauses
from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.retention import DEFAULT_PRIORITY, MAX_PRIORITY
from charter_engine.plan.retention.distribution import BINS, ReuseTimes
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.scale import PRICE, PRICING, Pricing
from charter_engine.plan.retention.variants import NextUse

FORMAT = "charter-waits"
VERSION = 1
LARGEST_BYTES = 64 << 20
"""A longer file is none of ours: a model of any workload takes under a megabyte."""
_REMEDY = "learn it anew: charter-engine learn SOURCE… -o waits.json"


class InvalidReuseTimes(ValueError):
    """A reuse-times file that cannot be used: what is wrong with it, and what to do."""

    def __init__(self, name: str, message: str, remedy: str = _REMEDY) -> None:
        super().__init__(f"{name}: {message}")
        self.name, self.message, self.remedy = name, message, remedy


class ReuseTimesFile(Struct, frozen=True, kw_only=True):
    """What a reuse-times file holds.

    `price`, `most`, `last_tokens` and `ahead_s` are the pricing of memory (see `scale.Pricing`),
    `room` is that of the pool it was chosen for, where prompts are demoted in it.
    `sources` is what was learnt from.
    `features` names what the forest asks, in its order.
    A Charter that computes others cannot use it.
    """

    model: ReuseTimeModel
    format: str = FORMAT
    version: int = VERSION
    price: float = PRICE
    most: int = MAX_PRIORITY
    last_tokens: int = 0
    ahead_s: tuple[float, ...] = ()
    room: PoolRoom | None = None
    sources: tuple[str, ...] = ()
    features: tuple[str, ...] = FEATURES

    @property
    def pricing(self) -> Pricing:
        return Pricing(self.price, self.most, self.last_tokens, self.ahead_s)

    @property
    def variant(self) -> NextUse:
        """How `next-use` is carried out by it."""
        return NextUse(self.pricing, demotes=self.room is not None)


class _Head(Struct):
    format: str = ""
    version: int = 0


def encode(
    model: ReuseTimeModel,
    *,
    pricing: Pricing = PRICING,
    room: PoolRoom | None = None,
    sources: tuple[str, ...] = (),
) -> bytes:
    """The bytes of a reuse-times file."""
    file = ReuseTimesFile(model=model, room=room, sources=sources, **asdict(pricing))
    return msgspec.json.encode(file) + b"\n"


def decode(content: bytes, name: str) -> ReuseTimesFile:
    """Read and check a reuse-times file; `name` is what errors call it. Raises
    `InvalidReuseTimes`."""
    if len(content) > LARGEST_BYTES:
        raise InvalidReuseTimes(
            name, f"{len(content) >> 20} MiB are too much for a reuse-times file"
        )
    try:
        head = msgspec.json.decode(content, type=_Head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidReuseTimes(name, f"not a reuse-times file, or cut off: {error}") from None
    if head.format != FORMAT:
        raise InvalidReuseTimes(name, f"not a reuse-times file: its format is not {FORMAT!r}")
    if head.version != VERSION:
        raise InvalidReuseTimes(name, f"reuse-times version {head.version} is not {VERSION}")
    try:
        found = msgspec.json.decode(content, type=ReuseTimesFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidReuseTimes(name, f"damaged: {error}") from None
    problem = _problem(found)
    if problem:
        raise InvalidReuseTimes(name, f"damaged: {problem}")
    return found


def _problem(found: ReuseTimesFile) -> str:
    """What is wrong with a file of the right form; empty if nothing is."""
    model = found.model
    if found.features != FEATURES:
        return "it was learnt from other features than this Charter computes"
    if problem := _problem_of_pricing(found.pricing):
        return problem
    if found.room is not None and min(found.room.blocks, found.room.tokens_per_block) < 1:
        return "a pool has blocks of tokens"
    if problem := _problem_of_levels(model):
        return problem
    parts = [
        *(part for node in model.nodes.values() for part in node.parts),
        *(edge.times for edge in model.edges),
    ]
    for times in (*model.levels, model.everything, *parts, *model.kinds.values()):
        if not _is_histogram(times):
            return f"a distribution of reuse times is not {BINS} counts from 0 up"
    return _problem_of_forest(model.forest) or _problem_of_pauses(model.pauses)


def _problem_of_pauses(pauses: Pauses | None) -> str:
    if pauses is None:
        return ""
    bounds, classes = pauses.bounds_s, len(pauses.bounds_s) + 1
    if not bounds or list(bounds) != sorted(bounds) or not bounds[0] > 0:
        return "classes of pauses are not bounded by seconds in ascending order"
    if len(pauses.start) != classes or len(pauses.beyond) != len(pauses.forest.leaf):
        return f"there is not a number for each of {classes} classes of pauses and for each tree"
    if not 0 <= min(pauses.beyond, default=0) <= max(pauses.beyond, default=0) < classes:
        return "a tree tells a class of pauses there is not"
    return _problem_of_forest(pauses.forest)


def _problem_of_levels(model: ReuseTimeModel) -> str:
    groups = len(model.steps) + 1
    division = model.division or Division(model.forest, ((),) * groups)
    bounds = (model.steps, *division.steps)
    if (
        len(division.steps) != groups
        or len(model.levels) != groups * division.parts
        or len({len(steps) for steps in division.steps}) != 1
        or any(list(steps) != sorted(steps) for steps in bounds)
    ):
        return f"{len(model.steps)} steps do not divide {len(model.levels)} retention levels"
    return "" if model.division is None else _problem_of_forest(division.forest)


def _problem_of_pricing(pricing: Pricing) -> str:
    if not pricing.price > 0:
        return f"a price of {pricing.price} is none"
    if not DEFAULT_PRIORITY < pricing.most <= MAX_PRIORITY:
        return f"a highest priority of {pricing.most} is not above {DEFAULT_PRIORITY}"
    if pricing.last_tokens < 0:
        return f"a prompt has no {pricing.last_tokens} last tokens"
    if min(pricing.ahead_s, default=0.0) < 0:
        return f"{min(pricing.ahead_s)} s ahead are in the past"
    return ""


def _is_histogram(times: ReuseTimes) -> bool:
    return len(times.counts) == BINS and min(*times.counts, times.never) >= 0


def _problem_of_forest(forest: Forest) -> str:
    if len(forest.cuts) != len(FEATURES) or any(
        list(edges) != sorted(edges) for edges in forest.cuts
    ):
        return f"the forest does not cut {len(FEATURES)} features"
    depths = {len(leaf) for leaf in forest.leaf}
    if not len(forest.feature) == len(forest.threshold) == len(forest.leaf) or len(depths) > 1:
        return "the forest's trees are incomplete, or not of one depth"
    for feature, threshold, leaf in forest.trees():
        inner = len(feature)
        if len(threshold) != inner or len(leaf) != inner + 1 or inner < 1 or (inner + 1) & inner:
            return "a tree of the forest is not complete"
        if not 0 <= min(feature) <= max(feature) < len(FEATURES):
            return "a tree of the forest asks for a feature there is not"
        if not 0 <= min(threshold) <= max(threshold) <= MISSING:
            return "a tree of the forest cuts after a bin there is not"
    return ""
