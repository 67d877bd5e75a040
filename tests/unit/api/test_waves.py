"""Items go in waves where a run is predicted to compute less by it, and no longer."""

from pathlib import Path

import pytest

from charter_engine.api.agent_runs import predict_run
from charter_engine.api.agents import OpenedAgent, open_agent
from charter_engine.api.running import items_to_run
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.api.waves import ChosenOrder, chosen_order, predicted_order
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.running import Order
from charter_engine.plan.pool import CurrentServer
from tests.unit.api.agents import write_agent

DESK = """
def answer(client, document, question):
    reply = client.generate(f"Answer.\\n\\n{document}\\n\\n{question}", max_tokens=4)
    return reply
"""
AMPLE, SCARCE = CurrentServer(pool_tokens=60_000), CurrentServer(pool_tokens=1_000)


def asked_in_turn(directory: Path) -> OpenedAgent:
    """Three questions on each of four documents, which come in turn."""
    path = write_agent(directory, DESK)
    documents = [
        " ".join(f"{word}{place}" for place in range(150)) for word in ("ab", "cd", "ef", "gh")
    ]
    lines = [
        f'{{"document": "{document}", "question": "{number}?"}}'
        for number in range(3)
        for document in documents
    ]
    path.with_name("desk.inputs.jsonl").write_text("\n".join(lines))
    return open_agent(path, path.with_name("desk.inputs.jsonl"))


def chosen(
    agent: OpenedAgent, order: Order, pool: CurrentServer | None, at_once: int = 1
) -> ChosenOrder:
    plan = Plan(agent=str(agent.path))
    items = items_to_run(agent, agent.inputs, plan)
    return chosen_order(order, agent, items, plan, pool, at_once=at_once)


def test_on_a_pool_that_holds_one_document_waves_are_chosen_and_why_is_told(
    tmp_path: Path,
) -> None:
    found = chosen(asked_in_turn(tmp_path), "auto", SCARCE)
    assert found.in_waves
    assert "in waves of those that begin alike" in found.words and "computes" in found.words


def test_on_an_ample_pool_one_after_another_items_go_as_they_are_given(tmp_path: Path) -> None:
    assert not chosen(asked_in_turn(tmp_path), "auto", AMPLE).in_waves


def test_on_an_ample_pool_many_at_once_go_in_waves(tmp_path: Path) -> None:
    assert chosen(asked_in_turn(tmp_path), "auto", AMPLE, at_once=9).in_waves


@pytest.mark.parametrize(("pool", "in_waves"), [(SCARCE, True), (AMPLE, False)])
def test_a_run_is_predicted_in_the_order_that_is_chosen(
    pool: CurrentServer, in_waves: bool, tmp_path: Path
) -> None:
    agent = asked_in_turn(tmp_path)
    plan = Plan(agent=str(agent.path))
    ordered = predicted_order(
        agent.compiled.calls,
        agent.inputs,
        plan,
        pool.pool_under(plan.server),
        open_tokenizer(None).encode,
        at_once=1,
    )
    assert ordered.chosen.in_waves == in_waves
    assert ordered.prediction == predict_run(
        agent, plan, pool, at_once=1, tokenizer=None, in_waves=in_waves
    )


def test_a_repeat_reuses_what_the_runs_before_it_left_as_far_as_the_pool_holds_it(
    tmp_path: Path,
) -> None:
    agent = asked_in_turn(tmp_path)
    plan = Plan(agent=str(agent.path))

    def repeated(pool: CurrentServer, *earlier: Plan) -> Prediction:
        found = predicted_order(
            agent.compiled.calls,
            agent.inputs,
            plan,
            pool.pool_under(plan.server),
            open_tokenizer(None).encode,
            at_once=1,
            earlier=earlier,
        )
        assert found.repeated is not None
        assert found.repeated.prompt_tokens == found.prediction.prompt_tokens
        return found.repeated

    block = AMPLE.pool_under(plan.server).tokens_per_block
    warm = repeated(AMPLE, plan)
    assert warm.computed_tokens <= warm.requests * block
    assert repeated(AMPLE, plan, plan).computed_tokens == warm.computed_tokens
    assert repeated(SCARCE, plan).computed_tokens > warm.requests * block


@pytest.mark.parametrize(("order", "in_waves"), [("given", False), ("waves", True)])
def test_an_order_that_is_asked_for_is_kept(order: Order, in_waves: bool, tmp_path: Path) -> None:
    assert chosen(asked_in_turn(tmp_path), order, SCARCE) == ChosenOrder(in_waves)


def test_nothing_is_chosen_where_the_pool_is_not_known_or_nothing_begins_alike(
    tmp_path: Path,
) -> None:
    nothing = ChosenOrder(in_waves=False)
    assert chosen(asked_in_turn(tmp_path), "auto", None) == nothing
    other = write_agent(tmp_path, name="other")
    alone = open_agent(other, other.with_name("other.inputs.jsonl"))
    assert chosen(alone, "auto", SCARCE) == nothing
