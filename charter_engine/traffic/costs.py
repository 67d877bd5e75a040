"""What was computed again, added up by cause, node and hour, and what that is an hour."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from charter_engine.contracts.explaining import (
    CauseKind,
    MissCost,
    MissGroup,
    MissReport,
    PromptParts,
)
from charter_engine.contracts.figures import Label
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.causes.table import DETECTORS, REMEDIES
from charter_engine.traffic.mending import mended_tokens
from charter_engine.traffic.misses import Miss

HOUR_S = 3600.0
LEAST_SECONDS = 600.0
"""A shorter time tells nothing of an hour: agents work in bursts."""
MOST_MENDED = 8
"""So many groups are served again with their cause removed, those of most tokens."""
DIVERGENCES = frozenset(("variable", *(kind for kind, _ in DETECTORS)))
"""The causes that a text can be mended of."""
GroupName = tuple[CauseKind, str]


class Costs:
    """What the causes cost over some traffic."""

    def __init__(self, found: Sequence[Miss]) -> None:
        self.seconds = seconds_of(found)
        self._costs = {name: self._cost(group) for name, group in grouped(found).items()}

    def of(self, miss: Miss) -> MissCost | None:
        """What requests like this one cost; None where it cost nothing."""
        return self._costs.get((miss.cause.kind, miss.seen.node))

    def _cost(self, group: Sequence[Miss]) -> MissCost:
        tokens = sum(miss.parts.again for miss in group)
        return MissCost(
            tokens=tokens,
            requests=len(group),
            tokens_per_hour=per_hour(tokens, self.seconds),
            seconds=self.seconds,
        )


def seconds_of(found: Sequence[Miss]) -> float:
    """How long it lasted, between the first and the last request whose time is told."""
    times = [miss.seen.at for miss in found if miss.seen.timed]
    return max(times) - min(times) if times else 0.0


def per_hour(tokens: int, seconds: float) -> float | None:
    """Tokens an hour, at the rate of so many seconds; None where these are too few to tell."""
    return tokens * HOUR_S / seconds if seconds >= LEAST_SECONDS else None


def report_of(found: Sequence[Miss], pool: PoolSettings | None = None, lost: int = 0) -> MissReport:
    """What was computed again, the most tokens first, with what mending each cause would give."""
    seconds = seconds_of(found)
    times = [miss.seen.at for miss in found if miss.seen.timed]
    predicted = [miss.facts.predicted for miss in found]
    known = [reused for reused in predicted if reused is not None]
    return MissReport(
        requests=len(found),
        begin=min(times, default=None),
        end=max(times, default=None),
        seconds=seconds,
        parts=added_up(miss.parts for miss in found),
        predicted_reused=sum(known) if known else None,
        causes=_with_mending(_groups(found, seconds), found, pool),
        hours=_by_hour(found),
        lost=lost,
    )


def added_up(parts: Iterable[PromptParts]) -> PromptParts:
    """The parts of several prompts together."""
    sums: dict[str, int] = defaultdict(int)
    for item in parts:
        for name in PromptParts.__struct_fields__:
            sums[name] += getattr(item, name)
    return PromptParts(**sums)


def grouped(found: Iterable[Miss]) -> dict[GroupName, list[Miss]]:
    """The requests that computed something again, by cause and node."""
    groups: dict[GroupName, list[Miss]] = defaultdict(list)
    for miss in found:
        if miss.cause.kind != "new text":
            groups[miss.cause.kind, miss.seen.node].append(miss)
    return groups


def _groups(found: Iterable[Miss], seconds: float, hour: float = 0.0) -> tuple[MissGroup, ...]:
    told = [
        MissGroup(
            cause=cause,
            node=node,
            hour=hour,
            label=_label(group),
            requests=len(group),
            tokens=(tokens := sum(miss.parts.again for miss in group)),
            tokens_per_hour=per_hour(tokens, seconds),
            example=group[-1].seen.request,
            remedy=REMEDIES[cause],
        )
        for (cause, node), group in grouped(found).items()
    ]
    return tuple(sorted(told, key=lambda group: -group.tokens))


def _label(group: Iterable[Miss]) -> Label:
    return "assumed" if any(miss.diverged_label == "assumed" for miss in group) else "measured"


def _by_hour(found: Sequence[Miss]) -> tuple[MissGroup, ...]:
    hours: dict[float, list[Miss]] = defaultdict(list)
    for miss in found:
        hours[miss.seen.at // HOUR_S * HOUR_S].append(miss)
    return tuple(group for hour in sorted(hours) for group in _groups(hours[hour], HOUR_S, hour))


def _with_mending(
    groups: tuple[MissGroup, ...], found: Sequence[Miss], pool: PoolSettings | None
) -> tuple[MissGroup, ...]:
    if pool is None:
        return groups
    diverging = [group for group in groups if group.cause in DIVERGENCES][:MOST_MENDED]
    return tuple(
        replace(group, mended_tokens=mended_tokens(found, group.cause, group.node, pool))
        if group in diverging
        else group
        for group in groups
    )
