"""Demotions beside the requests of a workload: requests of one token that rank what is left of a
prompt below all others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from charter_engine.bls.refresh_timing import MOST_MISJUDGED
from charter_engine.bls.retention import Retention
from charter_engine.kvcache.workload.columns import Ints, Workload
from charter_engine.kvcache.workload.waits import Follows


class DemotedPrompt(NamedTuple):
    """Behind one request, what another one's first `tokens` are asked for."""

    behind: int
    request: int
    tokens: int
    asked: Retention


@dataclass(frozen=True)
class WithDemotions:
    """A workload in which demotions are requests of their own, each right behind the request that
    it goes behind, and sent once that has ended.

    `retention` is what each request asks for. `own` and `demotions` name those that are the
    workload's own and those that demote, in order; `demoted` whose prompt each of these demotes.
    """

    workload: Workload
    retention: Sequence[Retention | None]
    own: Ints
    demotions: Ints
    demoted: Ints

    @classmethod
    def of(
        cls,
        workload: Workload,
        retention: Sequence[Retention | None] | None,
        demotions: Sequence[DemotedPrompt],
    ) -> "WithDemotions":
        """The demotions come in the order of the requests that they go behind."""
        count = len(workload)
        behind, demoted, tokens = (
            np.array([getattr(one, name) for one in demotions], dtype=np.int64)
            for name in ("behind", "request", "tokens")
        )
        order = np.argsort(np.concatenate((np.arange(count), behind)), kind="stable")
        own, places = np.flatnonzero(order < count), np.flatnonzero(order >= count)
        found = workload.select(np.concatenate((np.arange(count), demoted))[order])
        found.arrival_ms[places] = workload.arrival_ms[behind]
        found.input_length[places], found.output_length[places] = tokens, 0
        found.session[places] = len(workload.sessions)
        if found.served_ms is not None:
            found.served_ms[places] = np.nan
        place_of = own.tolist()
        follows = {
            place_of[request]: Follows(tuple(place_of[one] for one in known.after), known.delay_ms)
            for request, known in workload.follows.items()
        }
        follows |= {
            place: Follows((place_of[one.behind],))
            for place, one in zip(places.tolist(), demotions, strict=True)
        }
        asked = [*(retention or [None] * count), *(one.asked for one in demotions)]
        return cls(
            replace(
                found,
                sessions=(*workload.sessions, ""),
                retention={},
                outputs={place_of[request]: ids for request, ids in workload.outputs.items()},
                follows=follows,
            ),
            [asked[index] for index in order.tolist()],
            own,
            places,
            demoted,
        )

    def computed_by_demotions(self, reused_tokens: Ints) -> Ints:
        """How many tokens each demotion computes, by what all requests reuse."""
        computed: Ints = (self.workload.input_length - reused_tokens)[self.demotions]
        return computed

    def sent(self, reused_tokens: Ints) -> list[bool]:
        """Which of the demotions a deployment sends, by what all requests reuse: none while too
        much was computed of prompts that were taken to be there, beside what clients had computed
        by then."""
        computed = self.workload.input_length - reused_tokens
        computed[self.demotions] = 0
        for_clients = np.cumsum(computed)[self.demotions].tolist()
        by_demotions = self.computed_by_demotions(reused_tokens).tolist()
        in_vain, found = 0, []
        for own, clients in zip(by_demotions, for_clients, strict=True):
            found.append(in_vain <= MOST_MISJUDGED * clients)
            in_vain += (own - 1) * found[-1]
        return found
