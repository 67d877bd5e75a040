"""Traffic as a workload: what passed is what the next plan is made on."""

import dataclasses
from collections.abc import Sequence

from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.traffic.expected import grains_workload
from charter_engine.traffic.grains import grains_of
from charter_engine.traffic.seen import seen_prompt
from charter_engine.traffic.sessions import sessions_of


def workload_of(records: Sequence[TrafficRecord]) -> Workload:
    """The answered requests, from the first one's arrival on. Content is known by grains of 16
    tokens: that of prompts, and that of the answers which later prompts go on from."""
    start = min((record.at for record in records), default=0.0)
    prompts = [
        dataclasses.replace(seen_prompt(record), session=session)
        for record, session in zip(records, sessions_of(records), strict=True)
        if record.prompt_tokens and not record.error
    ]
    return grains_workload(prompts, grains_of(prompts), start)
