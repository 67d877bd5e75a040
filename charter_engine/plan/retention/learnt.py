"""What a reuse-time model has learnt, in figures."""

from charter_engine.contracts.reuse_times import LearnReport, NodeReuseTime
from charter_engine.plan.retention.kinds import in_figures
from charter_engine.plan.retention.model import ReuseTimeModel, most_telling
from charter_engine.plan.retention.streams import LEAST_EXPLAINED


def learn_report(model: ReuseTimeModel, *, output: str, sources: tuple[str, ...]) -> LearnReport:
    """The figures of a model learnt from `sources` and written to `output`."""
    return LearnReport(
        output=output,
        sources=sources,
        sessions=model.sessions,
        requests=model.requests,
        decide_at=model.decide_at,
        explained=round(model.explained, 4),
        spread=round(model.spread, 3),
        usable=model.explained >= LEAST_EXPLAINED,
        telling=most_telling(model),
        nodes=tuple(
            NodeReuseTime(
                node=name,
                own=in_figures(seen.own, "measured"),
                shared=in_figures(seen.shared, "measured"),
                explained=round(seen.explained, 4),
                shared_tokens=seen.shared_tokens,
                tail_tokens=seen.tail_tokens,
            )
            for name, seen in sorted(model.nodes.items(), key=lambda item: -item[1].requests)
        ),
        kinds={kind: in_figures(times, "measured") for kind, times in model.kinds.items()},
    )
