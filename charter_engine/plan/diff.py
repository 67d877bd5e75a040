"""What a push would change, what each change costs, and what is possible on a given deployment."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from charter_engine.contracts.deploy import COST_ORDER, Change, CostClass, Diff, Profile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_engine.plan.belonging import call_changes, same_agent
from charter_engine.plan.limits import NOTHING_RELEASES
from charter_engine.plan.settings import Value, meaning

KEEPS_CACHE = "nothing"
LOSES_CACHE = "the KV cache; requests in flight finish on the old instance"
LOSES_CACHE_FOR_MINUTES = "the KV cache, and minutes for building the engine"
UNSET = "(deployment's own)"
NO_REUSE_TIMES = "none: the nodes' own retention"
CALL_BEFORE = {"added": "not there", "removed": "there", "changed text": "as it was"}
NOT_ON_LLMAPI = "an llmapi deployment takes no retention through Triton"

NOT_LAID_OUT_ON_LLMAPI = "prompts reach an llmapi deployment without passing charter_bls"
OUTPUTS_MAY_DIFFER = (
    "prompts of programs are sent rearranged: their outputs may differ from those of the prompts "
    "as written"
)


def diff_plans(
    live: Plan,
    draft: Plan,
    profile: Profile,
    base_revision: int,
    reuse_times: tuple[str, str] | None = None,
) -> Diff:
    """Compare two plans key by key. Changes the deployment cannot take are marked impossible, with
    the reason.

    `reuse_times` says which learnt reuse times are live and which the draft brings, in words that
    differ where these differ; None: as the plans name them.
    """
    reuse_times = reuse_times or (_shown_reuse_times(live), _shown_reuse_times(draft))
    changes = (
        *_server_changes(live, draft, profile),
        *_reuse_times_changes(*reuse_times, profile),
        *_share_changes(live, draft, profile),
        *_release_changes(live, draft, profile),
        *_call_changes(live, draft, profile),
        *_node_changes(live, draft, profile),
    )
    possible = [change.cost for change in changes if change.possible]
    return Diff(
        base_revision=base_revision,
        changes=changes,
        cost=max(possible, key=COST_ORDER.index, default=None),
        notes=(OUTPUTS_MAY_DIFFER,) if lays_out_traffic(draft) else (),
    )


def lays_out_traffic(plan: Plan) -> bool:
    """Whether prompts that programs send are rearranged under a plan."""
    return plan.share > 0 and any(
        node.apply == "traffic" and node.layout != "source" for node in plan.nodes.values()
    )


def _server_changes(live: Plan, draft: Plan, profile: Profile) -> Iterator[Change]:
    for setting in SERVER_SETTINGS:
        key = setting.key
        old, new = _worth(key, live, profile), _worth(key, draft, profile)
        if old.meaning == new.meaning:
            continue
        cost = setting.llmapi_cost if profile.path == "llmapi" else setting.cost
        reason = _why_not_server(key, profile) or _why_no_reuse(key, new, profile)
        yield Change(
            place="server",
            key=key,
            old=old.shown,
            new=new.shown,
            cost=cost,
            loses=LOSES_CACHE_FOR_MINUTES if cost == "engine rebuild" else LOSES_CACHE,
            possible=not reason,
            reason=reason,
        )


class _Worth(NamedTuple):
    """What a setting is: what that means, and how it is shown."""

    meaning: Value
    shown: str


def settings_not_live(settings: ServerSettings, profile: Profile) -> tuple[str, ...]:
    """The settings that a deployment does not have as these say."""
    live = replace(profile, original={})
    wanted, own = Plan(agent="", server=settings), Plan(agent="")
    return tuple(
        setting.key
        for setting in SERVER_SETTINGS
        if getattr(settings, setting.key) is not None
        and _worth(setting.key, wanted, live).meaning != _worth(setting.key, own, live).meaning
    )


def _worth(key: str, plan: Plan, profile: Profile) -> _Worth:
    """What a setting is under a plan; one that the plan leaves open is as the deployment had it,
    and one that it left open too, what its release takes for that."""
    planned = getattr(plan.server, key)
    if planned is not None:
        return _Worth(meaning(key, _shown(planned)), _shown(planned))
    own = profile.original or profile.parameters
    if key == "tokens_per_block" and key not in own and profile.tokens_per_block is not None:
        own = {**own, key: str(profile.tokens_per_block)}
    if key in own:
        return _Worth(meaning(key, own[key].lower()), own[key].lower())
    if key in profile.defaults:
        return _Worth(meaning(key, profile.defaults[key]), f"default: {profile.defaults[key]}")
    return _Worth(UNSET, UNSET)


def _reuse_times_changes(old: str, new: str, profile: Profile) -> Iterator[Change]:
    if old == new:
        return
    reason = _why_not_node("waits", profile)
    yield Change(
        place="all nodes",
        key="waits",
        old=old,
        new=new,
        cost="plan reload",
        loses=KEEPS_CACHE,
        possible=not reason,
        reason=reason,
    )


def _share_changes(live: Plan, draft: Plan, profile: Profile) -> Iterator[Change]:
    """Matters only where a layout applies to traffic, before or after."""
    applies = any(node.apply == "traffic" for plan in (live, draft) for node in plan.nodes.values())
    if live.share == draft.share or not applies:
        return
    reason = _why_not_node("share", profile)
    yield Change(
        place="all nodes",
        key="share",
        old=f"{live.share:g}",
        new=f"{draft.share:g}",
        cost="plan reload",
        loses=KEEPS_CACHE,
        possible=not reason,
        reason=reason,
    )


def _release_changes(live: Plan, draft: Plan, profile: Profile) -> Iterator[Change]:
    if live.release == draft.release:
        return
    reason = "" if profile.release else profile.reasons.get("release", NOTHING_RELEASES)
    yield Change(
        place="all nodes",
        key="release",
        old=live.release,
        new=draft.release,
        cost="request" if profile.path == "http" else "plan reload",
        loses=KEEPS_CACHE,
        possible=not reason or draft.release == "never",
        reason=reason,
    )


def _shown_reuse_times(plan: Plan) -> str:
    return plan.reuse_times or NO_REUSE_TIMES


def _call_changes(live: Plan, draft: Plan, profile: Profile) -> Iterator[Change]:
    """The calls whose prompts are others than when the live plan was made."""
    if live.identity is None or draft.identity is None or not same_agent(live, draft):
        return
    for change in call_changes(live.identity, draft.identity):
        yield Change(
            place=change.call,
            key="call",
            old=CALL_BEFORE[change.what],
            new=change.what,
            cost=_node_cost(profile),
            loses=KEEPS_CACHE,
        )


def _node_changes(live: Plan, draft: Plan, profile: Profile) -> Iterator[Change]:
    for node_id in (*draft.nodes, *(gone for gone in live.nodes if gone not in draft.nodes)):
        old, new = live.nodes.get(node_id, NodePlan()), draft.nodes.get(node_id, NodePlan())
        for key, before, after in _node_fields(old, new):
            if before == after:
                continue
            reason = _why_not_node(key, profile)
            yield Change(
                place=node_id,
                key=key,
                old=before,
                new=after,
                cost=_node_cost(profile),
                loses=KEEPS_CACHE,
                possible=not reason,
                reason=reason,
            )


def _node_fields(old: NodePlan, new: NodePlan) -> Iterator[tuple[str, str, str]]:
    yield "layout", _layout(old), _layout(new)
    yield "apply", old.apply, new.apply
    yield "retention", _ranges(old.retention), _ranges(new.retention)
    yield "decode_priority", str(old.decode_priority), str(new.decode_priority)
    yield (
        "decode_duration_ms",
        _milliseconds(old.decode_duration_ms),
        _milliseconds(new.decode_duration_ms),
    )
    yield "cache_group", _shown(old.cache_group), _shown(new.cache_group)


def _node_cost(profile: Profile) -> CostClass:
    return "plan reload" if profile.charter_bls else "request"


def _why_not_server(key: str, profile: Profile) -> str:
    if key in profile.reasons:
        return profile.reasons[key]
    if not profile.load_unload:
        return profile.reasons.get("load_unload", "the server refuses to load and unload models")
    return ""


def _why_no_reuse(key: str, wanted: _Worth, profile: Profile) -> str:
    switched_on = key == "enable_kv_cache_reuse" and wanted.meaning is True
    return profile.reasons.get("reuse", "") if switched_on else ""


def _why_not_node(key: str, profile: Profile) -> str:
    if key in {"layout", "cache_group"}:
        return ""
    if key in {"apply", "share"}:
        own = NOT_LAID_OUT_ON_LLMAPI if profile.path == "llmapi" else ""
        return profile.reasons.get(key, own)
    if not profile.retention:
        return profile.reasons.get(
            "retention", NOT_ON_LLMAPI if profile.path == "llmapi" else "no retention inputs"
        )
    return ""


def _layout(node: NodePlan) -> str:
    if node.layout == "append-only":
        return f"append-only after {node.extends}"
    if node.order:
        return f"{node.layout} {' '.join(str(index) for index in node.order)}"
    return node.layout


def _ranges(ranges: tuple[SegmentRange, ...]) -> str:
    return "; ".join(_range(item) for item in ranges) or "default (35)"


def _range(item: SegmentRange) -> str:
    last = "end" if item.last is None else str(item.last)
    return f"segments {item.first}-{last}: {item.priority} {_milliseconds(item.duration_ms)}"


def _milliseconds(duration_ms: int | None) -> str:
    return "until evicted" if duration_ms is None else f"for {duration_ms} ms"


def _shown(value: object) -> str:
    if value is None:
        return UNSET
    return str(value).lower() if isinstance(value, bool) else str(value)
