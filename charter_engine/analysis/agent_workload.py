"""A workload generated from a compiled agent and inputs: the requests a run would make, token by
token."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.predict.run_arrivals import HeadStart, Sending
from charter_engine.prompts.assembly import (
    CallInstance,
    InstanceKey,
    Piece,
    Prompt,
    assemble,
    expand,
    runnable,
    side_by_side,
    with_head,
)
from charter_engine.prompts.tokens import Encode, tokenised
from charter_engine.prompts.waves import waves_of

DEFAULT_MAX_TOKENS = 256
"""Assumed of a call that says nothing: tokens of a few paragraphs."""
_FIRST_OUTPUT_ID = 1 << 24
"""Derived: above the ids of any vocabulary, so that no answer is text of a prompt."""


Pace = Callable[[int, int], float]
"""How long a request of so many prompt and output tokens takes on its own, in milliseconds."""


def assumed_pace(prompt_tokens: int, output_tokens: int) -> float:
    """A pace nobody measured: a quarter of a millisecond a prompt token, two a generated one."""
    return prompt_tokens * 0.25 + output_tokens * 2.0


@dataclass(frozen=True)
class PlacedRequest:
    """A generated request with the token spans [start, end) of its pieces, which retention ranges
    need.

    `after` are the requests of the workload, by their places in it, that have ended before this one
    is sent, `head_starts` those that are sent so much earlier. `item` is the number of what the
    request is part of, in the order in which a run begins it.
    """

    request: WorkloadRequest
    spans: tuple[tuple[int, int], ...]
    prompt: Prompt
    after: tuple[int, ...] = ()
    item: int = 0
    head_starts: tuple[HeadStart, ...] = ()


def generate(
    calls: Sequence[Call],
    inputs: Iterable[Mapping[str, Any]],
    plan: Plan,
    encode: Encode,
    *,
    pace: Pace = assumed_pace,
    at_once: int | None = None,
    head_start_ms: float = 0.0,
    in_waves: bool = False,
    answers: int = 0,
) -> tuple[PlacedRequest, ...]:
    """Requests of one run after another, each as soon as what it waits for has ended.

    They come as the program itself makes them, or, with `at_once`, as Charter's own run does: so
    many inputs, or passes of a loop that need nothing of each other, side by side, the first
    request of a cache group `head_start_ms` ahead of the others. With `in_waves` those that begin
    alike come together, the first of each wave ahead by as long as its prompt takes. Outputs
    are unknown text: each is given ids that occur nowhere else, as long as the call's `max_tokens`.
    Of one plan and one number of `answers` they are the same each time, of another they are others.
    Raises `MissingInput`.
    """
    writer = _Writer(plan, encode, pace, at_once, head_start_ms, answers)
    chains = [
        (chain, f"run-{number}")
        for number, values in enumerate(inputs)
        for chain in writer.chains(calls, values)
    ]
    everybody = tuple((place,) for place in range(len(chains)))
    waves = waves_of([chain for chain, _ in chains], plan) if in_waves else everybody
    for number, wave in enumerate(waves):
        for place in wave:
            writer.place(*chains[place], wave=f"wave {number}" if len(wave) > 1 else None)
    return _in_order_of_time(writer.placed)


def sending_of(placed: Sequence[PlacedRequest], at_once: int) -> Sending:
    """How a run sends requests that `generate` placed for it."""
    return Sending(
        at_once=at_once,
        items=tuple(one.item for one in placed),
        after=tuple(
            tuple(needed for needed in one.after if placed[needed].item == one.item)
            for one in placed
        ),
        head_starts=tuple(one.head_starts for one in placed),
    )


def _in_order_of_time(placed: Sequence[PlacedRequest]) -> tuple[PlacedRequest, ...]:
    order = sorted(range(len(placed)), key=lambda place: placed[place].request.timestamp)
    moved = {before: now for now, before in enumerate(order)}
    return tuple(
        replace(
            placed[place],
            after=tuple(moved[needed] for needed in placed[place].after),
            head_starts=tuple(
                HeadStart(moved[start.ahead], start.ms) for start in placed[place].head_starts
            ),
        )
        for place in order
    )


def _needed(instance: CallInstance, ended: Mapping[InstanceKey, int]) -> Iterator[InstanceKey]:
    """What a request waits for."""
    return (key for key in instance.after if key in ended)


def _in_turn(instance: CallInstance, ended: Mapping[InstanceKey, int]) -> Iterator[InstanceKey]:
    """What has ended before the program makes a request: what it waits for, and, unless passes of
    its loop run side by side, everything of the pass before."""
    yield from _needed(instance, ended)
    if instance.iteration and not instance.call.fanout:
        yield from (key for key in ended if key[1] == instance.iteration - 1)


def _max_tokens(call: Call) -> int:
    value = call.parameters.get("max_tokens", DEFAULT_MAX_TOKENS)
    return int(value) if isinstance(value, int | float) and value > 0 else DEFAULT_MAX_TOKENS


_Lane = tuple[float, tuple[int, ...]]
"""When its last chain ends, and the places of that chain's requests."""


class _Ahead(NamedTuple):
    """A request that goes ahead, and when the others may come."""

    start: HeadStart
    others_begin: float


_BEGINNING = "\n"
"""Assumed: what a server puts in the place of a prompt without text, which no request may have."""


class _Writer:
    """Carries the clock and the supply of unseen output ids through all runs."""

    def __init__(
        self,
        plan: Plan,
        encode: Encode,
        pace: Pace,
        at_once: int | None,
        head_start_ms: float,
        answers: int,
    ) -> None:
        self.placed: list[PlacedRequest] = []
        self._plan = plan
        self._encode = encode
        self._pace = pace
        self._program = at_once is None
        self._lanes: list[_Lane] = [(0.0, ())] * (at_once or 1)
        self._head_start_ms = head_start_ms
        self._ahead: dict[str | None, _Ahead] = {}
        """The first request of each cache group and each wave."""
        self._items = 0
        self._next_output_id = _FIRST_OUTPUT_ID * (1 + answers)

    def chains(
        self, calls: Sequence[Call], values: Mapping[str, Any]
    ) -> Sequence[tuple[CallInstance, ...]]:
        """What a set of inputs makes, in parts that may be sent side by side."""
        instances = expand(runnable(calls), values)
        return [instances] if self._program else side_by_side(instances)

    def place(self, chain: Sequence[CallInstance], session: str, wave: str | None) -> None:
        """Place the requests of a chain in the lane that is free first."""
        heapq.heapreplace(self._lanes, self._chain(chain, session, wave, self._lanes[0]))
        self._items += 1

    def _chain(
        self, chain: Sequence[CallInstance], session: str, wave: str | None, lane: "_Lane"
    ) -> "_Lane":
        """Place the requests of a chain behind what a lane had before; the lane with them in it."""
        before = _in_turn if self._program else _needed
        outputs: dict[InstanceKey, Piece] = {}
        prompts: dict[InstanceKey, Prompt] = {}
        places: dict[InstanceKey, int] = {}
        ends: dict[InstanceKey, float] = {}
        for instance in chain:
            node_plan = self._plan.nodes.get(instance.call.id, NodePlan())
            prompt = with_head(instance, assemble(instance, node_plan, outputs, prompts))
            needed = list(before(instance, places))
            started = max((ends[key] for key in needed), default=lane[0])
            shared = (node_plan.cache_group, None if places else wave)
            ahead = [self._ahead[name] for name in shared if name in self._ahead]
            started = max([started, *(one.others_begin for one in ahead)])
            after = tuple(places[key] for key in needed) or lane[1]
            placed = replace(
                self._place(instance, prompt, started, session, after),
                head_starts=tuple(one.start for one in ahead),
            )
            places[instance.key] = len(self.placed)
            self._go_ahead(placed, *shared)
            self.placed.append(placed)
            prompts[instance.key] = prompt
            outputs[instance.key] = Piece(
                f"[{instance.call.output or 'output'}]",
                "upstream",
                instance.call.id,
                -1,
                placed.request.output_ids,
            )
            ends[instance.key] = started + self._pace(
                placed.request.input_length, placed.request.output_length
            )
        return (max(ends.values()), tuple(places.values())) if places else lane

    def _go_ahead(self, placed: PlacedRequest, group: str | None, wave: str | None) -> None:
        """Let a request go ahead of the others of its group and of its wave where it is the
        first."""
        place, started = len(self.placed), placed.request.timestamp
        if group is not None and group not in self._ahead:
            start = HeadStart(place, self._head_start_ms)
            self._ahead[group] = _Ahead(start, started + self._head_start_ms)
        if wave is not None and wave not in self._ahead:
            computed = self._pace(placed.request.input_length, 1)
            self._ahead[wave] = _Ahead(HeadStart(place), started + computed)

    def _place(
        self,
        instance: CallInstance,
        prompt: Prompt,
        started: float,
        session: str,
        after: tuple[int, ...],
    ) -> PlacedRequest:
        tokens, spans = tokenised(prompt, self._encode)
        tokens = tokens or tuple(self._encode(_BEGINNING, ())[0])
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
        return PlacedRequest(request, spans, prompt, after, self._items)
