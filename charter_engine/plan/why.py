"""The reasons a plan gives: for every server setting that is set, and for every value of a node."""

from collections.abc import Mapping, Sequence

from charter_engine.contracts.plan import NodePlan, Reason, ServerSettings
from charter_engine.contracts.planning import Evaluation, PlanPoint
from charter_engine.contracts.prediction import PolicyComparison

SETTING_OF = {
    "block_size": "tokens_per_block",
    "host_tier": "kv_cache_host_memory_bytes",
    "retention": "policy",
}


def of_levers(
    chosen: Evaluation, without: Mapping[str, Evaluation], on: str = ""
) -> dict[str, Reason]:
    """The chosen point beside the same with one lever put back, for each lever but the layout."""
    where = f" on {on}" if on else ""
    return {
        SETTING_OF[lever]: Reason(
            f"with {_value_of(lever, chosen.point)}: {rates(chosen)}; "
            f"with {_value_of(lever, evaluation.point)}: {rates(evaluation)}{where}",
            "predicted",
        )
        for lever, evaluation in without.items()
        if lever in SETTING_OF
    }


def of_layout(
    chosen: Evaluation, as_it_is: Evaluation, refused: Sequence[Evaluation] = ()
) -> Reason:
    """The chosen layout beside the source's, and the layouts that were refused because they make
    the whole run longer."""
    words = [f"{chosen.point.layout}: {rates(chosen)}; as written {rates(as_it_is)}"]
    words.append(f"whole run {_run(chosen)}, as it is {_run(as_it_is)}")
    words += [
        f"refused {one.point.layout}, whose whole run takes {_run(one)} with {rates(one)}"
        for one in refused
    ]
    return Reason("; ".join(words), "predicted")


def _run(evaluation: Evaluation) -> str:
    return f"{evaluation.makespan_ms / 1000:.3g} s"


def of_given(server: ServerSettings, because: str) -> dict[str, Reason]:
    """Settings that were given and not searched."""
    return {
        key: Reason(f"{because}; given, not searched", "assumed")
        for key in ServerSettings.__struct_fields__
        if getattr(server, key) is not None
    }


def of_node(plan: NodePlan, chosen: Evaluation) -> dict[str, Reason]:
    """The values of a node: its layout and what goes with it, its group, and its retention if no
    policy gave any."""
    reasons = {"layout": Reason(f"{_layout_words(plan)}; {rates(chosen)}", "predicted")}
    for key in ("order", "extends", "wording"):
        if getattr(plan, key):
            reasons[key] = Reason(_PART_WORDS[key], "predicted")
    if plan.cache_group is not None:
        reasons["cache_group"] = Reason(
            f"its prompts begin as those of {plan.cache_group} do", "predicted"
        )
    unasked = Reason("default priorities: nothing is asked for", "predicted")
    for key in ("retention", "decode_priority", "decode_duration_ms"):
        reasons[key] = plan.why.get(key, unasked)
    return reasons


_PART_WORDS = {
    "order": "what other prompts or passes share stands first",
    "extends": "its prompt and answer are the longest that this prompt can continue",
    "wording": (
        "labels read as they do in the prompt that shares the prefix, since the first differing "
        "token ends reuse; what was moved begins a paragraph"
    ),
}


def _layout_words(plan: NodePlan) -> str:
    if plan.layout == "append-only":
        return f"continues {plan.extends}, whose prompt and answer are already in the cache"
    if plan.layout == "prefix-first":
        return "shared segments stand first, in the order they stand in the other prompts"
    return "as written"


def _value_of(lever: str, point: PlanPoint) -> str:
    if lever == "block_size":
        return f"{point.tokens_per_block} tokens a block"
    return f"{point.host_blocks} host blocks" if lever == "host_tier" else f"policy {point.policy}"


def rates(evaluation: Evaluation) -> str:
    """The figures of a point in words."""
    return (
        f"token hit rate {evaluation.token_hit_rate:.1%} of at most {evaluation.bound:.1%}, "
        f"TTFT {evaluation.ttft_ms:.1f} ms{_beside_mean(evaluation)} "
        f"({evaluation.times_label} times)"
    )


def _beside_mean(evaluation: Evaluation) -> str:
    """What else is told of times where they are known."""
    p95, served = evaluation.ttft_p95_ms, evaluation.requests_per_s
    worst = "" if p95 is None else f", p95 {p95:.1f} ms"
    return worst if served is None else f"{worst}, {served:.3g} requests/s"


def policies_in_words(comparison: PolicyComparison) -> str:
    """The policies' hit rates on one pool, between default priorities and the optimum."""
    figures = ", ".join(f"{policy} {rate:.1%}" for policy, rate in comparison.hit_rates.items())
    return f"token hit rates on {comparison.workload}: {figures}, optimum {comparison.optimum:.1%}"
