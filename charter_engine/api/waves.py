"""Whether a run's items are sent in waves of those that begin alike."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.running import Order

if TYPE_CHECKING:
    from charter_engine.api.agents import OpenedAgent
    from charter_engine.contracts.graph import Call
    from charter_engine.contracts.prediction import Prediction
    from charter_engine.executor.work import Item
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.plan.pool import CurrentServer
    from charter_engine.prompts.assembly import CallInstance
    from charter_engine.prompts.tokens import Encode


class ChosenOrder(NamedTuple):
    """Whether items go in waves, and what is to be said of it; nothing where nothing was to be
    chosen."""

    in_waves: bool
    words: str = ""


AS_GIVEN = ChosenOrder(in_waves=False)


class PredictedOrder(NamedTuple):
    """The order that is chosen, the run in it on an empty cache, and on what earlier runs left
    there; None where there were none."""

    chosen: ChosenOrder
    prediction: "Prediction"
    repeated: "Prediction | None" = None


def chosen_order(
    order: Order,
    agent: "OpenedAgent",
    items: "Sequence[Item]",
    plan: Plan,
    deployment: "CurrentServer | None",
    *,
    at_once: int,
    tokenizer: Path | None = None,
    latency: LatencyModel | None = None,
) -> ChosenOrder:
    """As `order` says. `auto` predicts a run of the agent's inputs both ways: in waves it is sent
    where it then computes less and takes no longer. `deployment` None: it does not tell its pool,
    and items go as they are given. `latency` is as for `predict_run`. Blocks."""
    from charter_engine.api.tokenizers import open_tokenizer

    if order != "auto":
        return ChosenOrder(order == "waves")
    if deployment is None or not _has_company([item.instances for item in items], plan):
        return AS_GIVEN
    return predicted_order(
        agent.compiled.calls,
        agent.inputs,
        plan,
        deployment.pool_under(plan.server),
        open_tokenizer(tokenizer).encode,
        at_once=at_once,
        latency=latency,
        chunk_tokens=deployment.chunk_tokens,
    ).chosen


def predicted_order(
    calls: "Sequence[Call]",
    inputs: Sequence[Mapping[str, Any]],
    plan: Plan,
    pool: "PoolSettings",
    encode: "Encode",
    *,
    at_once: int,
    latency: LatencyModel | None = None,
    chunk_tokens: int | None = None,
    earlier: Sequence[Plan] = (),
) -> PredictedOrder:
    """The order in which calls over these inputs compute less and take no longer on an empty cache,
    as far as any of them begin alike. `chunk_tokens` and `earlier` are as for `predict_calls`.
    Blocks. Raises `MissingInput`."""
    from charter_engine.api.agent_runs import predict_calls
    from charter_engine.executor.run_costs import verdict
    from charter_engine.executor.work import items_of

    def predicted(*, in_waves: bool, earlier: Sequence[Plan] = ()) -> "Prediction":
        return predict_calls(
            calls,
            inputs,
            plan,
            pool,
            encode,
            at_once=at_once,
            latency=latency,
            in_waves=in_waves,
            chunk_tokens=chunk_tokens,
            earlier=earlier,
        )

    def repeated(*, in_waves: bool) -> "Prediction | None":
        return predicted(in_waves=in_waves, earlier=earlier) if earlier else None

    given = predicted(in_waves=False)
    chains = [item.instances for item in items_of(calls, inputs, plan)]
    if not _has_company(chains, plan):
        return PredictedOrder(AS_GIVEN, given, repeated(in_waves=False))
    waves = predicted(in_waves=True)
    costs = [one.cost(len(inputs)) for one in (given, waves)]
    said = verdict(*costs)
    pays = said.worth is True and waves.computed_tokens < given.computed_tokens
    how = "in waves of those that begin alike" if pays else "as they are given"
    words = f"items are sent {how}; in waves it is predicted: {said.words}"
    chosen = ChosenOrder(pays, words)
    return PredictedOrder(chosen, waves if pays else given, repeated(in_waves=pays))


def _has_company(chains: "Sequence[Sequence[CallInstance]]", plan: Plan) -> bool:
    from charter_engine.prompts.waves import has_company, waves_of

    return has_company(waves_of(chains, plan))
