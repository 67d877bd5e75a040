"""Whether a run's items are sent in waves of those that begin alike."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.contracts.plan import Plan
from charter_engine.contracts.running import Order

if TYPE_CHECKING:
    from charter_engine.api.agents import OpenedAgent
    from charter_engine.executor.work import Item
    from charter_engine.plan.pool import CurrentServer


class ChosenOrder(NamedTuple):
    """Whether items go in waves, and what is to be said of it; nothing where nothing was to be
    chosen."""

    in_waves: bool
    words: str = ""


def chosen_order(
    order: Order,
    agent: "OpenedAgent",
    items: "Sequence[Item]",
    plan: Plan,
    deployment: "CurrentServer | None",
    *,
    at_once: int,
    tokenizer: Path | None = None,
) -> ChosenOrder:
    """As `order` says. `auto` predicts a run of the agent's inputs both ways: in waves it is sent
    where it then computes less and takes no longer. `deployment` None: it does not tell its pool,
    and items go as they are given. Blocks."""
    from charter_engine.prompts.waves import has_company, waves_of

    if order != "auto":
        return ChosenOrder(order == "waves")
    if deployment is None or not has_company(waves_of([item.instances for item in items], plan)):
        return ChosenOrder(in_waves=False)
    return _predicted(agent, plan, deployment, at_once, tokenizer)


def _predicted(
    agent: "OpenedAgent",
    plan: Plan,
    deployment: "CurrentServer",
    at_once: int,
    tokenizer: Path | None,
) -> ChosenOrder:
    from charter_engine.api.agent_runs import predict_run
    from charter_engine.executor.run_costs import cost_of_prediction, verdict

    given, waves = (
        cost_of_prediction(
            predict_run(
                agent, plan, deployment, at_once=at_once, tokenizer=tokenizer, in_waves=in_waves
            ),
            len(agent.inputs),
        )
        for in_waves in (False, True)
    )
    said = verdict(given, waves)
    pays = said.worth is True and (waves.computed_tokens or 0) < (given.computed_tokens or 0)
    how = "in waves of those that begin alike" if pays else "as they are given"
    return ChosenOrder(pays, f"items are sent {how}; in waves it is predicted: {said.words}")
