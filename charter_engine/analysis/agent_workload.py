"""A workload generated from a compiled agent and inputs: the requests a run would make, token by token."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.dag.assembly import Instance, InstanceKey, Piece, Prompt, assemble, expand, runnable, side_by_side
from charter_engine.dag.tokens import Encode, tokenised

DEFAULT_MAX_TOKENS = 256
_FIRST_OUTPUT_ID = 1 << 24


Pace = Callable[[int, int], float]
"""How long a request of so many prompt and output tokens takes on its own, in milliseconds."""


def assumed_pace(prompt_tokens: int, output_tokens: int) -> float:
    """A pace nobody measured: a quarter of a millisecond a prompt token, two a generated one."""
    return prompt_tokens * 0.25 + output_tokens * 2.0


@dataclass(frozen=True)
class PlacedRequest:
    """A generated request with the token spans [start, end) of its pieces, which retention ranges need."""

    request: WorkloadRequest
    spans: tuple[tuple[int, int], ...]
    prompt: Prompt


def generate(
    calls: Sequence[Call],
    inputs: Iterable[Mapping[str, Any]],
    plan: Plan,
    encode: Encode,
    *,
    pace: Pace = assumed_pace,
    at_once: int | None = None,
) -> tuple[PlacedRequest, ...]:
    """Requests of one run after another, each as soon as what it waits for has ended.

    They come as the program itself makes them, or, with `at_once`, as Charter's own run does: so many inputs, or passes
    of a loop that need nothing of each other, side by side. Outputs are unknown text: each is given ids that occur
    nowhere else, as long as the call's `max_tokens`. Raises `MissingInput`.
    """
    writer = _Writer(plan, encode, pace, at_once)
    for number, values in enumerate(inputs):
        writer.run(calls, values, f"run-{number}")
    return tuple(sorted(writer.placed, key=lambda placed: placed.request.timestamp))


def _needed(instance: Instance, ended: Mapping[InstanceKey, float]) -> Iterator[InstanceKey]:
    """What a request waits for."""
    return (key for key in instance.after if key in ended)


def _in_turn(instance: Instance, ended: Mapping[InstanceKey, float]) -> Iterator[InstanceKey]:
    """What has ended before the program makes a request: what it waits for, and, unless passes of its loop run side by
    side, everything of the pass before."""
    yield from _needed(instance, ended)
    if instance.iteration and not instance.call.fanout:
        yield from (key for key in ended if key[1] == instance.iteration - 1)


def _max_tokens(call: Call) -> int:
    value = call.parameters.get("max_tokens", DEFAULT_MAX_TOKENS)
    return int(value) if isinstance(value, int | float) and value > 0 else DEFAULT_MAX_TOKENS


class _Writer:
    """Carries the clock and the supply of unseen output ids through all runs."""

    def __init__(self, plan: Plan, encode: Encode, pace: Pace, at_once: int | None) -> None:
        self.placed: list[PlacedRequest] = []
        self._plan = plan
        self._encode = encode
        self._pace = pace
        self._program = at_once is None
        self._free_at = [0.0] * (at_once or 1)
        """A heap: when each of the places for something side by side is free again."""
        self._next_output_id = _FIRST_OUTPUT_ID

    def run(self, calls: Sequence[Call], values: Mapping[str, Any], session: str) -> None:
        instances = expand(runnable(calls), values)
        for chain in [instances] if self._program else side_by_side(instances):
            heapq.heapreplace(self._free_at, self._chain(chain, session, self._free_at[0]))

    def _chain(self, chain: Sequence[Instance], session: str, now: float) -> float:
        """Place the requests of a chain, the first at `now`; when the last of them has ended."""
        before = _in_turn if self._program else _needed
        outputs: dict[InstanceKey, Piece] = {}
        prompts: dict[InstanceKey, Prompt] = {}
        ended: dict[InstanceKey, float] = {}
        for instance in chain:
            node_plan = self._plan.nodes.get(instance.call.id, NodePlan())
            prompt = assemble(instance, node_plan, outputs, prompts)
            started = max((ended[key] for key in before(instance, ended)), default=now)
            placed = self._place(instance, prompt, started, session)
            self.placed.append(placed)
            prompts[instance.key] = prompt
            outputs[instance.key] = Piece(
                f"[{instance.call.output or 'output'}]", "upstream", instance.call.id, -1, placed.request.output_ids
            )
            ended[instance.key] = started + self._pace(placed.request.input_length, placed.request.output_length)
        return max(ended.values(), default=now)

    def _place(self, instance: Instance, prompt: Prompt, started: float, session: str) -> PlacedRequest:
        tokens, spans = tokenised(prompt, self._encode)
        length = _max_tokens(instance.call)
        output = tuple(range(self._next_output_id, self._next_output_id + length))
        self._next_output_id += length
        request = WorkloadRequest(
            timestamp=started,
            input_length=len(tokens),
            output_length=length,
            token_ids=tokens,
            output_ids=output,
            node=instance.call.id,
            session=session,
        )
        return PlacedRequest(request, spans, prompt)
