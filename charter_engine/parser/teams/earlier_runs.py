"""What the agents of a run hear of earlier runs in the same conversation."""

from __future__ import annotations

from charter_engine.parser.flows.edge_recorder import EdgeRecorder
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import Findings, HeardAnswer
from charter_engine.parser.teams.speakers import Team
from charter_engine.parser.values.origins import Chain
from charter_engine.parser.values.values import Made, Value


def goes_on(team: Team, speaker: Made) -> bool:
    """Whether an agent goes on with the conversation of those that open a run, and so hears what
    was said in it before."""
    return any(speaker in team.reached_from(one) for one in team.opened.first)


def told_before(
    findings: Findings, edges: EdgeRecorder, frame: Frame, chain: Chain, talk: Value
) -> list[HeardAnswer]:
    """The answers of a conversation that reach an agent who goes on with it, in the order in which
    their calls stand in the source."""
    found = sorted({edge for edge in edges.edges_to(frame, chain, talk).values() if edge})
    sites = findings.sites
    return [
        HeardAnswer(
            source, carried, "assistant", sites[source].output or "answer", again=carried == "loop"
        )
        for source, _, carried in found
    ]
