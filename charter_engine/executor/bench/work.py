"""The work a benchmark does: which calls, over which inputs, how often."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import DEFAULT_MAX_TOKENS
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.executor.bench.novel_inputs import unseen_inputs
from charter_engine.executor.inputs import Inputs
from charter_engine.prompts.assembly import expand, runnable

CHAIN_ITERATIONS, PASSES = 100, 20
QUICK_CHAIN_ITERATIONS, QUICK_PASSES, QUICK_MAX_TOKENS = 4, 2, 32
"""Assumed: enough for intervals that tell variants apart; of the quick ones, for a first look."""


def capped(compiled: CompiledFile, max_tokens: int | None) -> CompiledFile:
    """The agent with no call generating more than `max_tokens`, as it will be run."""
    calls = runnable(compiled.calls)
    return replace(
        compiled,
        calls=calls if max_tokens is None else tuple(_capped(call, max_tokens) for call in calls),
    )


def _capped(call: Call, max_tokens: int) -> Call:
    own = call.parameters.get("max_tokens", DEFAULT_MAX_TOKENS)
    known = int(own) if isinstance(own, int) and own > 0 else DEFAULT_MAX_TOKENS
    return replace(call, parameters={**call.parameters, "max_tokens": min(max_tokens, known)})


def is_batch(compiled: CompiledFile, inputs: Sequence[Inputs]) -> bool:
    """Whether one set of inputs makes many passes of a loop, none of which needs another."""
    instances = [instance for values in inputs[:1] for instance in expand(compiled.calls, values)]
    looped = any(instance.iteration for instance in instances)
    return looped and all(
        key[1] == instance.iteration for instance in instances for key in instance.after
    )


def iterations_of(
    inputs: Sequence[Inputs], count: int, *, unseen: bool, seed: int = 0
) -> list[list[Inputs]]:
    """The inputs of each iteration: those given, one set after another; `unseen` changes the text
    of each anew."""
    chosen: list[Mapping[str, Any]] = [inputs[number % len(inputs)] for number in range(count)]
    if unseen:
        chosen = [unseen_inputs(values, seed + number) for number, values in enumerate(chosen)]
    return [[values] for values in chosen]
