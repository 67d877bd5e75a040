"""What a deployment needs to decide by policy `next-use` request by request: the `waits` section of
`plan.json`."""

from msgspec import Struct

from charter_engine.plan.retention.features import NAMES, Moment
from charter_engine.plan.retention.model import NEAR_RUNGS, ReuseTimeModel
from charter_engine.plan.retention.next_use import parts_of
from charter_engine.plan.retention.scale import PRICE, Rule, scale


class OnlineTree(Struct, frozen=True):
    """One tree of the forest; see `trees.Forest`."""

    feature: tuple[int, ...]
    threshold: tuple[int, ...]
    leaf: tuple[float, ...]


class OnlineForest(Struct, frozen=True):
    """The forest, and the value of a request that none of its trees changes."""

    start: float
    cuts: tuple[tuple[float, ...], ...]
    trees: tuple[OnlineTree, ...]


class OnlineNode(Struct, frozen=True, kw_only=True):
    """What a node's prompts ask for besides the rung's rule: `shared` for the head that other
    sessions use too."""

    node: str
    score: float
    shared_tokens: int
    shared: Rule
    tail_tokens: int


class OnlineWaits(Struct, frozen=True, kw_only=True):
    """A gap model at one price of memory.

    `features` names what the forest asks, so that another release's is recognised. A score between
    `steps[i - 1]` and `steps[i]` asks for `rules[i]`. An answer that moves a request by at most
    `near_rungs` changes nothing.
    """

    moment: Moment
    features: tuple[str, ...]
    near_rungs: int
    steps: tuple[float, ...]
    rules: tuple[Rule, ...]
    nodes: tuple[OnlineNode, ...]
    forest: OnlineForest


def online(model: ReuseTimeModel, price: float = PRICE) -> OnlineWaits:
    """The model as `charter_bls` takes it: it then asks for what `next_use.records` says of the
    same requests."""
    measure = scale(model.everything, model.rungs, price)
    nodes = []
    for name, seen in model.nodes.items():
        shared_tokens, shared, tail_tokens = parts_of(name, model, measure)
        nodes.append(
            OnlineNode(
                node=name,
                score=seen.score,
                shared_tokens=shared_tokens,
                shared=shared,
                tail_tokens=tail_tokens,
            )
        )
    forest = model.forest
    trees = zip(forest.feature, forest.threshold, forest.leaf, strict=True)
    return OnlineWaits(
        moment=model.moment,
        features=NAMES,
        near_rungs=NEAR_RUNGS,
        steps=model.steps,
        rules=tuple(measure.rule(gaps) for gaps in model.rungs),
        nodes=tuple(nodes),
        forest=OnlineForest(forest.start, forest.cuts, tuple(OnlineTree(*tree) for tree in trees)),
    )
