"""The one search for a plan: settings of all levers predicted on a source of requests, and the best
of them with the reasons."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from charter_engine.contracts.plan import Policy, Reason, ReleaseWhen, ServerSettings
from charter_engine.contracts.planning import Evaluation, Levers, Objective, PlanPoint
from charter_engine.contracts.prediction import PolicyComparison, ServingTimes
from charter_engine.plan import why
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.releases import best_release, release_reason
from charter_engine.plan.retention.streams import guarded
from charter_engine.plan.search import BLOCK_SIZES, choose, is_refused, points, put_back

POLICIES: tuple[Policy, ...] = ("default", "static", "steps", "next-use")
_GUARDED: tuple[Policy, ...] = ("default", "next-use")
HOST_TIER_SHARE = 1.0
"""The host tier that is compared with the one there is, as a share of the GPU pool."""


class Advice(Struct, frozen=True):
    """What a source tells of `next-use` before any search: whether to take it, and why."""

    policy: Policy
    text: str


class RequestSource(Protocol):
    """Requests that settings are tried on, and the deployment they are tried for."""

    name: str
    deployment: CurrentServer

    @property
    def layouts(self) -> Sequence[str]:
        """The layouts there are requests of, the one as it is first."""

    @property
    def policies(self) -> Sequence[Policy]:
        """The retention policies there is anything to decide by, `default` first."""

    @property
    def releases(self) -> Sequence[ReleaseWhen]:
        """What the server can be told to forget on these requests, `never` first."""

    @property
    def is_scarce(self) -> bool:
        """Whether the content of the requests does not fit the pool at once. Only then is there
        anything for retention and a host tier to gain."""

    @property
    def advice(self) -> Advice | None:
        """What was judged of `next-use` on the deployment as it is; None: nothing was."""

    @property
    def missing(self) -> str:
        """Why a policy is not among `policies`; empty where none is missing."""

    def expect(self, points: int) -> None:
        """The search will ask for about so many points."""

    def evaluate(self, wanted: Sequence[PlanPoint]) -> list[Evaluation]:
        """Predict points, in their order. What was predicted before is not predicted again."""

    def prompt_tokens(self, point: PlanPoint, /) -> int:
        """What rates at a point are of."""

    def optimum(self, point: PlanPoint) -> float:
        """The token hit rate of the offline optimum on a point's pool."""


class Asked(Struct, frozen=True, kw_only=True):
    """How a plan is to be searched. `server` holds settings that are given and not searched,
    `given_because` why.

    A `policy` that is given is taken, whatever is predicted of it. `left_out` says of what must
    stay as deployed why it must, by the name of the plan's value, `policy_note` which policies
    are not searched, and why.
    """

    objective: Objective = "ttft"
    levers: Levers = Levers()
    policies: tuple[Policy, ...] = POLICIES
    policy: Policy | None = None
    block_sizes: tuple[int, ...] = BLOCK_SIZES
    server: ServerSettings = ServerSettings()
    given_because: str = "a preset's"
    left_out: Mapping[str, Reason] = {}
    policy_note: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """The best point of a search and what it was held against. `candidates` are the points that
    were not refused; `levers` is the chosen point with one lever put back at a time; `why` gives
    the reasons by the name of the plan's value."""

    source: str
    chosen: Evaluation
    as_it_is: Evaluation
    evaluations: tuple[Evaluation, ...]
    candidates: tuple[Evaluation, ...]
    levers: dict[str, Evaluation]
    comparison: PolicyComparison
    why: dict[str, Reason]


def deployed(source: RequestSource) -> PlanPoint:
    """The point that changes nothing."""
    size = source.deployment.tokens_per_block
    return PlanPoint(source.layouts[0], size, source.deployment.host_blocks_of(size), "default")


def decide(source: RequestSource, asked: Asked, *, fixed: PlanPoint | None = None) -> Decision:
    """Search a source in rounds, each moving some levers with the others at the best found so far:
    layouts and block sizes, host tiers and policies, block sizes again.

    With `fixed`, all levers but the layout stand. Raises ValueError for a policy that is asked for
    and that the source has nothing to decide by.
    """
    if asked.policy is not None and asked.policy not in source.policies:
        raise ValueError(source.missing)
    trials = _Trials(source, asked, fixed)
    chosen = trials.layouts_at(fixed) if fixed is not None else trials.in_rounds()
    releasing = trials.releasing(chosen.point)
    rates = {when: one.token_hit_rate for when, one in releasing.items()}
    chosen = releasing[best_release(rates) if asked.levers.release else "never"]
    without = put_back(chosen.point, trials.as_it_is.point)
    levers = dict(zip(without, source.evaluate(list(without.values())), strict=True))
    comparison = _compare(source, chosen.point)
    return Decision(
        source=source.name,
        chosen=chosen,
        as_it_is=trials.as_it_is,
        evaluations=tuple(trials.tried.values()),
        candidates=trials.candidates,
        levers=levers,
        comparison=comparison,
        why={
            "layout": why.of_layout(chosen, trials.as_it_is, trials.refused),
            **why.of_levers(chosen, levers, on=source.name),
            "policy": _policy_reason(source, chosen.point.policy, asked, comparison),
            **_why_release(rates, chosen.point.release, asked),
        },
    )


class _Trials:
    """The points of one source that were tried, and the best of them so far."""

    def __init__(self, source: RequestSource, asked: Asked, fixed: PlanPoint | None) -> None:
        self.as_it_is = source.evaluate([deployed(source)])[0]
        as_given = fixed or replace(self.as_it_is.point, policy=asked.policy or "default")
        self._unchanged = replace(as_given, layout=self.as_it_is.point.layout)
        self.tried: dict[PlanPoint, Evaluation] = {}
        self._source = source
        self._asked = asked

    @property
    def candidates(self) -> tuple[Evaluation, ...]:
        """Those that are not refused."""
        return tuple(one for one in self.tried.values() if not self._is_refused(one))

    @property
    def refused(self) -> tuple[Evaluation, ...]:
        """Of each layout that is refused at every point, the one with the shortest run."""
        kept = {one.point.layout for one in self.candidates}
        shortest: dict[str, Evaluation] = {}
        for one in sorted(self.tried.values(), key=lambda one: one.makespan_ms):
            if one.point.layout not in kept:
                shortest.setdefault(one.point.layout, one)
        return tuple(shortest.values())

    def in_rounds(self) -> Evaluation:
        """The best of all levers."""
        first = self._layouts_and_block_sizes()
        self._source.expect(len(first) + self._later_points())
        best = self._best_of(first)
        best = self._guarded(self._best_of(self._host_tiers_and_policies(best.point)))
        return self._guarded(self._best_of(self._block_sizes(best.point)))

    def releasing(self, point: PlanPoint) -> dict[ReleaseWhen, Evaluation]:
        """A point under each release there is anything to gain by."""
        releases = self._source.releases if self._source.is_scarce else ("never",)
        wanted = {when: replace(point, release=when) for when in releases}
        found = dict(zip(wanted, self._source.evaluate(list(wanted.values())), strict=True))
        if self._asked.levers.release:
            self.tried |= {one.point: one for one in found.values()}
        return found

    def _later_points(self) -> int:
        """About how many points are predicted behind the first round, for the choice and for its
        reasons."""
        policies = len(self._source.policies)
        if not self._source.is_scarce:
            return policies - 1
        return 2 * policies + len(self._asked.block_sizes)

    def layouts_at(self, point: PlanPoint) -> Evaluation:
        """The best layout with all else as at a point."""
        return self._best_of(
            points(
                self._source.layouts,
                block_size=point.tokens_per_block,
                host_tokens=[point.host_blocks * point.tokens_per_block],
                policies=[point.policy],
                levers=replace(self._asked.levers, block_size=False),
            )
        )

    def _layouts_and_block_sizes(self) -> tuple[PlanPoint, ...]:
        return points(
            self._source.layouts,
            block_size=self._source.deployment.tokens_per_block,
            host_tokens=[self._source.deployment.host_tokens],
            policies=[self._asked.policy or "default"],
            levers=self._asked.levers,
            block_sizes=self._asked.block_sizes,
        )

    def _host_tiers_and_policies(self, best: PlanPoint) -> tuple[PlanPoint, ...]:
        deployment = self._source.deployment
        host_tokens = [deployment.host_tokens]
        if self._source.is_scarce:
            host_tokens.append(round(deployment.pool_tokens * HOST_TIER_SHARE))
        return points(
            [best.layout],
            block_size=best.tokens_per_block,
            host_tokens=host_tokens,
            policies=self._policies(),
            levers=replace(self._asked.levers, block_size=False),
        )

    def _policies(self) -> list[Policy]:
        if self._asked.policy is not None:
            return [self._asked.policy]
        if not self._source.is_scarce:
            return ["default"]
        advice = self._source.advice
        known = [policy for policy in self._asked.policies if policy in self._source.policies]
        if advice is not None and advice.policy != "next-use":
            known = [policy for policy in known if policy != "next-use"]
        return list(dict.fromkeys(["default", *known]))

    def _guarded(self, best: Evaluation) -> Evaluation:
        """Between default priorities and `next-use` the guardrail's choice, where it was asked: it
        goes by smaller gains than those by which points are told apart."""
        asked = self._source.advice is not None and self._asked.policy is None
        searched = self._asked.levers.retention and "next-use" in self._policies()
        if not asked or not searched or best.point.policy not in _GUARDED:
            return best
        wanted = [replace(best.point, policy=policy) for policy in _GUARDED]
        found = dict(zip(_GUARDED, self._source.evaluate(wanted), strict=True))
        default_rate, next_use_rate = (found[policy].token_hit_rate for policy in _GUARDED)
        guarded_best = found[guarded(default_rate, next_use_rate, best.point.host_blocks)]
        self.tried[guarded_best.point] = guarded_best
        return guarded_best

    def _block_sizes(self, best: PlanPoint) -> tuple[PlanPoint, ...]:
        return points(
            [best.layout],
            block_size=self._source.deployment.tokens_per_block,
            host_tokens=[best.host_blocks * best.tokens_per_block],
            policies=[best.policy],
            levers=self._asked.levers,
            block_sizes=self._asked.block_sizes,
        )

    def _best_of(self, wanted: Sequence[PlanPoint]) -> Evaluation:
        """The best of these points and of those tried before."""
        self.tried |= {one.point: one for one in self._source.evaluate(wanted)}
        return choose(self.candidates, self._asked.objective, self.as_it_is.point)

    def _is_refused(self, evaluation: Evaluation) -> bool:
        """What changes nothing beyond what was asked for is always there to be chosen."""
        return evaluation.point != self._unchanged and is_refused(
            evaluation, self._asked.objective, self.as_it_is
        )


def _compare(source: RequestSource, point: PlanPoint) -> PolicyComparison:
    """The retention policies at one point, and the optimum on that pool."""
    found = source.evaluate([replace(point, policy=policy) for policy in source.policies])
    settings = source.deployment.pool_at(point)
    return PolicyComparison(
        workload=source.name,
        tokens_per_block=settings.tokens_per_block,
        gpu_blocks=settings.gpu_blocks,
        host_blocks=settings.host_blocks,
        hit_rates={one.point.policy: one.token_hit_rate for one in found},
        optimum=source.optimum(point),
        ample=not source.is_scarce,
        note=f"next-use: {source.missing}" if source.missing else "",
        times={
            one.point.policy: ServingTimes(
                one.ttft_ms, one.ttft_p95_ms, one.requests_per_s, one.makespan_ms
            )
            for one in found
        },
        prompt_tokens=source.prompt_tokens(point),
    )


def _policy_reason(
    source: RequestSource, chosen: Policy, asked: Asked, compared: PolicyComparison
) -> Reason:
    words = f"{asked.policy_note}{why.policies_in_words(compared)}"
    return Reason(f"{_why_policy(source, chosen, asked)}; {words}", "predicted")


def _why_release(
    rates: Mapping[ReleaseWhen, float], chosen: ReleaseWhen, asked: Asked
) -> dict[str, Reason]:
    if len(rates) < 2:
        return {}
    return {"release": release_reason(rates, chosen, asked.left_out.get("release"))}


def _why_policy(source: RequestSource, chosen: Policy, asked: Asked) -> str:
    advice = source.advice
    if asked.policy is not None:
        return f"{chosen}, as was asked for" + (f"; {advice.text}" if advice else "")
    if not asked.levers.retention:
        return "default priorities: retention was left alone"
    if not source.is_scarce:
        return "default priorities: the workload fits the pool"
    return _as_advised(chosen, advice) if advice is not None else _as_predicted(chosen)


def _as_advised(chosen: Policy, advice: Advice) -> str:
    if advice.policy in (chosen, "default"):
        return f"{chosen}: {advice.text}"
    return f"{chosen} is predicted to do best at this setting; as deployed, {advice.text}"


def _as_predicted(chosen: Policy) -> str:
    if chosen == "default":
        return "default priorities: no policy is predicted to do better"
    return f"{chosen} is predicted to do best"
