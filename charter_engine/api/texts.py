"""What is left of a record where no text of prompts and answers is to be kept."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.live import NodeStats, RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.protocol import Draft, Nodes, Payload, Session, WorkResults


def without_text(payload: Payload) -> Payload:
    """What a console shows, but no words: neither those of an agent's prompts nor of answers.
    Lengths, names and places stay, so that graph and figures can be replayed. Of work that was done
    nothing stays: a plan file may quote prompts anywhere."""
    match payload:
        case Session():
            return replace(
                payload,
                compiled=_compiled(payload.compiled),
                plan=_plan(payload.plan) if payload.plan else None,
            )
        case Draft():
            return replace(payload, plan=_plan(payload.plan) if payload.plan else None)
        case Nodes(nodes):
            return Nodes(tuple(_stats(node) for node in nodes))
        case WorkResults():
            return WorkResults()
    return payload


def report_without_text(report: RunReport) -> RunReport:
    """A run's figures without what was answered."""
    return replace(report, nodes=tuple(_stats(node) for node in report.nodes), outputs=())


def revision_without_text(revision: Revision) -> Revision:
    """A revision without the wording of its plan."""
    return replace(revision, plan=_plan(revision.plan))


def _compiled(compiled: CompiledFile | None) -> CompiledFile | None:
    if compiled is None:
        return None
    return replace(
        compiled,
        calls=tuple(_call(call) for call in compiled.calls),
        opportunities=tuple(replace(found, constant=()) for found in compiled.opportunities),
    )


def _call(call: Call) -> Call:
    return replace(call, segments=tuple(replace(segment, text="") for segment in call.segments))


def _plan(plan: Plan) -> Plan:
    return replace(
        plan, nodes={name: replace(node, wording={}) for name, node in plan.nodes.items()}
    )


def _stats(node: NodeStats) -> NodeStats:
    return replace(node, output_text="")
