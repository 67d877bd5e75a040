"""Which prompts are ranked below all others beside the requests of a workload, as `charter_bls`
does in a pool that it knows."""

from collections.abc import Hashable

import numpy as np

from charter_engine.bls.demotion import best_demotion, carry_out
from charter_engine.bls.presumed_pool import PoolRoom, PresumedPool
from charter_engine.bls.reuse_times import NodeRules
from charter_engine.bls.worths import WorthTable
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.plan.retention.features import (
    Floats,
    by_session,
    common_prefix,
    common_prefixes,
)
from charter_engine.plan.retention.next_use import ANSWERED, SENT, Decided, Decisions
from charter_engine.plan.retention.scale import Pricing


def demotions(decisions: Decisions, pricing: Pricing, room: PoolRoom) -> list[DemotedPrompt]:
    """At most one behind each request, in which requests end as they arrive; none where prompts are
    not ranked beside each other."""
    if not pricing.ahead_s:
        return []
    demoting = _Demoting(decisions, pricing, room)
    found: list[DemotedPrompt] = []
    behind: int | None = None
    decides_when_sent = decisions.decide_at == "sent"
    for one in decisions.decided(pricing):
        session = demoting.session(one.request)
        if one.moment == SENT:
            if behind is not None:
                found += demoting.behind(behind)
            behind = one.request
            demoting.serve(session, one.request, one.node)
        if one.rule is not None:
            demoting.pool.ask(session, one.rule, one.at_s)
        if one.moment == ANSWERED or decides_when_sent:
            demoting.pool.answered(session, demoting.worths_by_age(one), one.at_s)
    return found


class _Demoting:
    """The pool, in which a prompt is a request and what its node asks for."""

    def __init__(self, decisions: Decisions, pricing: Pricing, room: PoolRoom) -> None:
        workload = decisions.workload
        self.pool = PresumedPool(room)
        self._workload, self._cost = workload, decisions.refresh_cost
        self._pauses = decisions.pauses
        self._worths = WorthTable(decisions.worths(pricing))
        self._tokens = workload.input_length
        self._common = np.zeros(len(workload), dtype=np.int64)
        for requests in by_session(workload):
            self._common[requests] = common_prefixes(workload, requests)
        self._arrival_s = workload.arrival_ms / 1000.0
        served = workload.served_ms
        served_s = np.zeros(len(workload)) if served is None else np.nan_to_num(served) / 1000.0
        self._left_s = np.sort(self._arrival_s + served_s)

    def session(self, request: int) -> Hashable:
        """The request's session; its own number where it names none."""
        session = int(self._workload.session[request])
        return ("session", session) if self._workload.sessions[session] else request

    def serve(self, session: Hashable, request: int, node: NodeRules) -> None:
        """A request is sent."""
        tokens = int(self._tokens[request])
        common = min(int(self._common[request]), tokens)
        own, again = (max(part - node.shared_tokens, 0) for part in (tokens, common))

        def earlier(prompt: tuple[int, NodeRules]) -> int:
            shared = common_prefix(self._workload, prompt[0], request)
            return max(min(shared, tokens) - node.shared_tokens, 0)

        at_s = float(self._arrival_s[request])
        self.pool.serve(session, own, again, at_s, (request, node), earlier)

    def worths_by_age(self, one: Decided) -> Floats | None:
        """What a request's prompt is worth by how long it has been idle; None where nothing is
        known of it."""
        if one.kind is None:
            return None
        pauses = self._pauses[one.request]
        return self._worths.row(one.kind) if pauses is None else pauses.worths(self._worths.ages_s)

    def behind(self, request: int) -> list[DemotedPrompt]:
        """What is demoted behind a request."""
        now_s = float(self._arrival_s[request])
        best = best_demotion(self.pool, self._worths, now_s)
        if best is None:
            return []
        cost = self._cost.tokens + self._cost.per_token * best.tokens
        if not best.may_go(cost, self._under_way(now_s)):
            return []
        kept = carry_out(self.pool, best, now_s)
        demoted, node = best.prompt
        tokens = min(node.shared_tokens + best.tokens + 1, int(self._tokens[demoted]))
        return [DemotedPrompt(request, demoted, tokens, best.asks(node, kept, tokens))]

    def _under_way(self, now_s: float) -> int:
        arrived, left = (
            np.searchsorted(times, now_s, side="right") for times in (self._arrival_s, self._left_s)
        )
        return int(arrived - left)
