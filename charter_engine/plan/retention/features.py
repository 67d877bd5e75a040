"""What is known of a workload's requests when they are sent that tells when their sessions come
back."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.features import FEATURES, OWN_AND_BEFORE, REWRITTEN_TOKENS
from charter_engine.bls.past import SessionPast, with_answer
from charter_engine.bls.retention import DecideAt
from charter_engine.kvcache.workload.columns import Workload

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def by_session(workload: Workload) -> list[Ints]:
    """The requests of each named session in order of time. Requests that name no session are in
    none."""
    order = np.argsort(workload.session, kind="stable")
    groups = (
        np.split(order, np.flatnonzero(np.diff(workload.session[order])) + 1) if len(order) else []
    )
    return [group for group in groups if workload.sessions[workload.session[group[0]]]]


def session_features(
    workload: Workload,
    requests: Ints,
    common: Ints,
    node_scores: Sequence[float],
    decide_at: DecideAt,
) -> Floats:
    """One row of `FEATURES` for each of a session's requests, in order of time.

    `common` is how many leading tokens a prompt shares with the one before it.
    `node_scores` is one value a node of the workload.
    Decided at `sent`, the output and the serving time of a request count only for those after it.
    """
    served = np.full(len(requests), np.nan)
    if workload.served_ms is not None:
        served = workload.served_ms[requests] / 1000.0
    columns = (
        workload.arrival_ms[requests] / 1000.0,
        workload.input_length[requests],
        common,
        np.asarray(node_scores, dtype=np.float64)[workload.node[requests]],
        np.maximum(2 * workload.unit_tokens[requests], REWRITTEN_TOKENS),
        workload.output_length[requests],
        served,
    )
    past = SessionPast()
    rows = []
    each = zip(*(column.tolist() for column in columns), strict=True)
    for *sent, output_tokens, served_s in each:
        row = past.sent(*sent)
        past.answered(output_tokens, served_s)
        rows.append(row if decide_at == "sent" else with_answer(row, output_tokens, served_s))
    return np.array(rows, dtype=np.float64)


def as_sent(rows: Floats) -> Floats:
    """Rows decided at `answered` as they can be known when requests are sent.

    A request's output and serving time are taken to be those of the session's request before it.
    """
    rows = rows.copy()
    for own, before in OWN_AND_BEFORE.items():
        rows[:, FEATURES.index(own)] = rows[:, FEATURES.index(before)]
    return rows


def common_prefixes(workload: Workload, requests: Ints) -> Ints:
    """How many leading tokens each of these requests shares with the one before it; 0 for the
    first."""
    common = np.zeros(len(requests), dtype=np.int64)
    for place in range(1, len(requests)):
        common[place] = common_prefix(workload, int(requests[place - 1]), int(requests[place]))
    return common


def common_prefix(workload: Workload, first: int, second: int) -> int:
    """How many leading tokens two requests share."""
    unit = int(workload.unit_tokens[first])
    if unit != workload.unit_tokens[second]:
        return 0
    units = 0
    left, right = _runs(workload, first), _runs(workload, second)
    i = j = skipped_left = skipped_right = 0
    while i < len(left) and j < len(right):
        left_id, left_count = left[i][0] + skipped_left, left[i][1] - skipped_left
        right_id, right_count = right[j][0] + skipped_right, right[j][1] - skipped_right
        if left_id != right_id:
            break
        step = min(left_count, right_count)
        units += step
        i, skipped_left = (i + 1, 0) if step == left_count else (i, skipped_left + step)
        j, skipped_right = (j + 1, 0) if step == right_count else (j, skipped_right + step)
    return min(units * unit, int(workload.input_length[first]), int(workload.input_length[second]))


def _runs(workload: Workload, index: int) -> list[tuple[int, int]]:
    chosen = slice(int(workload.run_offset[index]), int(workload.run_offset[index + 1]))
    return list(
        zip(workload.run_first[chosen].tolist(), workload.run_count[chosen].tolist(), strict=True)
    )
