"""What a workload holds, in figures."""

import numpy as np

from charter_engine.contracts.workload_files import WorkloadFacts
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.kvcache.workload.path_tree import build_paths


def describe(workload: Workload) -> WorkloadFacts:
    """The figures of a workload."""
    paths = build_paths(workload)
    seen = np.unique(workload.session)
    span = float(np.ptp(workload.arrival_ms)) if len(workload) else 0.0
    distinct = int((paths.end - paths.start).sum()) + len(workload)
    return WorkloadFacts(
        requests=len(workload),
        sessions=len(seen),
        nodes=len(np.unique(workload.node)),
        duration_s=round(span / 1000, 3),
        prompt_tokens=workload.prompt_tokens,
        output_tokens=int(workload.output_length.sum()),
        longest_prompt=int(workload.input_length.max(initial=0)),
        units=int(workload.run_count.sum()),
        branches=len(paths.parent) - 1,
        distinct_tokens=distinct,
        reusable=round(1 - distinct / workload.prompt_tokens, 6) if workload.prompt_tokens else 0.0,
        notes=workload.notes,
    )
