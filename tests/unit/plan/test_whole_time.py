"""Layouts are weighed by the time of the whole run."""

from collections.abc import Mapping, Sequence

import pytest

from charter_engine.contracts.graph import Call, CompiledFile, Dependency
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.planning import Levers, Objective
from charter_engine.plan.agent_inputs import AgentInputs
from charter_engine.plan.decide import Asked, Decision, decide
from charter_engine.plan.pool import CurrentServer
from tests.unit.plan.agents import static, upstream, variable

STEPS = 12
DECODES_DEARLY = LatencyModel(prefill_per_token=0.05, decode_step=1.0, decode_per_context=0.01)
DECODES_CHEAPLY = LatencyModel(prefill_per_token=0.05, decode_step=1.0)
INPUTS = [{"brief": f"{number} " + "a brief. " * 4} for number in range(2)]


def step(number: int) -> Call:
    """A call that takes the brief and no more than the answer before it; as a conversation, it
    carries all answers before it."""
    before = f"A.run:step_{number - 1}"
    chained = number > 0
    return Call(
        id=f"A.run:step_{number}",
        path="a.py",
        line=number + 1,
        end_line=number + 1,
        output=f"step_{number}",
        parameters={"max_tokens": 60},
        segments=(
            static(f"Step {number}. "),
            variable("brief"),
            *((upstream(before, f"step_{number - 1}"),) if chained else ()),
            static("\nAnswer:"),
        ),
        depends_on=(Dependency(before),) if chained else (),
    )


def characters(text: str, ends: Sequence[int] = ()) -> tuple[Sequence[int], Sequence[int]]:
    """A token a character."""
    return [ord(character) for character in text], list(ends)


def decided(latency: LatencyModel, objective: Objective) -> tuple[Decision, Mapping[str, int]]:
    """The decision for the long chain, and the prompt tokens of each layout."""
    calls = tuple(step(number) for number in range(STEPS))
    source = AgentInputs(
        CompiledFile(path="a.py", calls=calls), INPUTS, characters, CurrentServer(), latency
    )
    tokens = {
        layout: sum(item.request.input_length for item in source.placed(layout))
        for layout in source.layouts
    }
    asked = Asked(objective=objective, levers=Levers(block_size=False))
    return decide(source, asked), tokens


def test_the_conversation_of_a_long_chain_has_prompts_several_times_as_long() -> None:
    _, tokens = decided(DECODES_DEARLY, "ttft")
    assert tokens["conversation"] > 3 * tokens["source"]


@pytest.mark.parametrize("objective", ["ttft", "throughput"])
def test_a_layout_that_makes_the_whole_run_longer_is_refused(objective: Objective) -> None:
    decision, _ = decided(DECODES_DEARLY, objective)
    found = {one.point.layout: one for one in decision.evaluations}
    assert found["conversation"].token_hit_rate > 2 * found["source"].token_hit_rate
    assert found["conversation"].makespan_ms > found["source"].makespan_ms
    assert decision.chosen.point.layout != "conversation"
    assert decision.chosen.makespan_ms <= decision.as_it_is.makespan_ms


def test_the_reason_says_what_was_refused_and_how_long_the_runs_take() -> None:
    decision, _ = decided(DECODES_DEARLY, "ttft")
    text = decision.why["layout"].text
    assert "refused conversation, whose whole run takes" in text
    assert "as it is" in text


def test_a_refused_layout_is_no_alternative() -> None:
    decision, _ = decided(DECODES_DEARLY, "ttft")
    assert "conversation" not in {one.point.layout for one in decision.candidates}


def test_the_same_layout_is_taken_where_the_whole_run_gets_no_longer() -> None:
    decision, _ = decided(DECODES_CHEAPLY, "ttft")
    assert decision.chosen.point.layout == "conversation"


def test_the_objective_memory_does_not_ask_for_time() -> None:
    decision, _ = decided(DECODES_DEARLY, "memory")
    assert "conversation" in {one.point.layout for one in decision.candidates}
