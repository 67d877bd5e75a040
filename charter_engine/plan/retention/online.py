"""The reuse-time model under one pricing of memory, as a deployment decides by it, request by
request."""

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.reuse_times import UNMATCHED, ReuseTimeRules
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.next_use import node_rules, worths_of
from charter_engine.plan.retention.refreshes import refresh_worth
from charter_engine.plan.retention.scale import PRICING, Pricing, scale


def online(
    model: ReuseTimeModel, pricing: Pricing = PRICING, room: PoolRoom | None = None
) -> ReuseTimeRules:
    """The model as `charter_bls` takes it: it then asks for what `next_use.records` says of the
    same requests, and in a pool of this room demotes prompts, too."""
    measure = scale(model.everything, model.levels, pricing)
    rates = [times.rates(measure.horizon_s) for times in model.levels]
    return ReuseTimeRules(
        decide_at=model.decide_at,
        refresh=refresh_worth(model.levels, measure, model.refresh_cost),
        steps=model.steps,
        rules=tuple(measure.rule(times) for times in model.levels),
        nodes={name or UNMATCHED: node_rules(name, model, measure) for name in model.nodes},
        forest=model.forest,
        last_tokens=pricing.last_tokens,
        division=model.division,
        worths=worths_of(rates, pricing) if pricing.ahead_s else None,
        room=room,
        pauses=model.pauses if room is not None else None,
    )


def room_of(settings: PoolSettings) -> PoolRoom | None:
    """The room of a pool in which prompts can be demoted; None with a host tier, where what is
    evicted is not gone, and where nothing heeds retention."""
    if settings.host_blocks or settings.eviction not in ("leaf", "flat"):
        return None
    return PoolRoom(settings.usable_gpu_blocks, settings.tokens_per_block, settings.eviction)
