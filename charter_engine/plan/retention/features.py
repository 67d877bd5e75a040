"""What is known of a request at the moment it is sent that tells when its session will come
back."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from charter_engine.kvcache.workload.columns import Workload

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONGEST_GAP_S = 600.0
"""A longer pause tells no more than that the session was left alone."""
LONG_GAP_S = 40.0
"""A pause no tool call usually takes: a person, or a long job."""
REWRITTEN_TOKENS = 128
"""A prompt that drops more than this of the one before it was rewritten; less may be a closing line
or a token cut otherwise."""

NAMES = (
    "gap before",
    "gap two before",
    "gap three before",
    "pause before",
    "pause two before",
    "pause three before",
    "mean of 3 gaps",
    "mean of 5 gaps",
    "mean of 20 gaps",
    "mean of all gaps",
    "spread of gaps",
    "shortest of 5 gaps",
    "longest of 5 gaps",
    "longest of 20 gaps",
    "share of long gaps",
    "requests in 30 s",
    "requests in 60 s",
    "requests in 300 s",
    "requests since a long gap",
    "prompt tokens",
    "prompt growth",
    "growth beyond the output",
    "output before",
    "output two before",
    "served before",
    "served per output token",
    "new tokens",
    "dropped tokens",
    "share of rewritten prompts",
    "requests so far",
    "seconds so far",
    "node",
    "output",
    "served",
    "own served per output token",
)
"""Gaps run from arrival to arrival, pauses from the end of the previous request; both in seconds,
gaps' means as logarithms. `node` is what was learnt of the call itself. What comes behind it is
known only once the request itself has been answered."""

OWN_AND_BEFORE = {
    "output": "output before",
    "served": "served before",
    "own served per output token": "served per output token",
}
"""What an answer tells, and the same of the answer before it."""

Moment = Literal["sent", "answered"]
"""When retention is decided. `sent`: with the request, as TensorRT-LLM takes it. `answered`: once
the answer is there, which a deployment must follow by a request of one token over the same prompt
that brings the new retention."""


def by_session(workload: Workload) -> list[Ints]:
    """The requests of each named session in order of time. Requests that name no session are in
    none."""
    order = np.argsort(workload.session, kind="stable")
    groups = (
        np.split(order, np.flatnonzero(np.diff(workload.session[order])) + 1) if len(order) else []
    )
    return [group for group in groups if workload.sessions[workload.session[group[0]]]]


def session_features(
    workload: Workload, requests: Ints, common: Ints, node_scores: Sequence[float], moment: Moment
) -> Floats:
    """One row for each of a session's requests, from that session's past and the prompt being sent.

    `common` is how many leading tokens a prompt shares with the one before it; `node_scores` is one
    value a node of the workload. At the moment `sent` the output and the serving time of a request
    count only for those after it.
    """
    arrival = workload.arrival_ms[requests] / 1000.0
    length = workload.input_length[requests].astype(np.float64)
    output = workload.output_length[requests].astype(np.float64)
    unknown = np.full(len(requests), np.nan)
    served = unknown if workload.served_ms is None else workload.served_ms[requests] / 1000.0
    gaps = np.minimum(np.maximum(np.diff(arrival), 0.001), LONGEST_GAP_S)
    pauses = np.clip(np.diff(arrival) - served[:-1], 0.0, LONGEST_GAP_S)
    longest_tail = np.maximum(2 * workload.unit_tokens[requests[1:]], REWRITTEN_TOKENS)
    rewritten = (length[:-1] - common[1:]) > longest_tail
    rows = np.full((len(requests), len(NAMES)), np.nan)
    _recent(rows, gaps, pauses)
    for window, name in (
        (30, "requests in 30 s"),
        (60, "requests in 60 s"),
        (300, "requests in 300 s"),
    ):
        since = np.searchsorted(arrival, arrival - window)
        rows[:, NAMES.index(name)] = np.arange(len(requests)) - since
    first = NAMES.index("prompt tokens")
    rows[:, first] = length
    rows[1:, first + 1] = np.diff(length)
    rows[1:, first + 2] = np.diff(length) - output[:-1]
    rows[1:, first + 3] = output[:-1]
    rows[2:, first + 4] = output[:-2]
    rows[1:, first + 5] = served[:-1]
    rows[1:, first + 6] = served[:-1] / (output[:-1] + 10.0)
    rows[1:, first + 7] = length[1:] - common[1:]
    rows[1:, first + 8] = length[:-1] - common[1:]
    rows[1:, first + 9] = np.cumsum(rewritten) / np.arange(1, len(requests))
    rows[:, first + 10] = np.arange(len(requests))
    rows[:, first + 11] = np.minimum(arrival - arrival[0], 1e5)
    rows[:, first + 12] = np.asarray(node_scores)[workload.node[requests]]
    if moment == "answered":
        rows[:, first + 13] = output
        rows[:, first + 14] = served
        rows[:, first + 15] = served / (output + 10.0)
    return rows


def as_sent(rows: Floats) -> Floats:
    """The rows for the moment `answered` as they can be known when requests are sent.

    A request's output and serving time are taken to be those of the session's request before it.
    """
    rows = rows.copy()
    for own, before in OWN_AND_BEFORE.items():
        rows[:, NAMES.index(own)] = rows[:, NAMES.index(before)]
    return rows


def _recent(rows: Floats, gaps: Floats, pauses: Floats) -> None:
    """Fill in what a row knows of the gaps before it."""
    logs = np.log(gaps)
    for back in (1, 2, 3):
        rows[back:, back - 1] = gaps[: len(gaps) - back + 1]
        rows[back:, back + 2] = pauses[: len(gaps) - back + 1]
    sums = np.concatenate(([0.0], np.cumsum(logs)))
    squares = np.concatenate(([0.0], np.cumsum(logs**2)))
    count = np.arange(1, len(gaps) + 1)
    for column, width in ((6, 3), (7, 5), (8, 20), (9, len(gaps))):
        low = np.maximum(count - width, 0)
        rows[1:, column] = (sums[count] - sums[low]) / (count - low)
    mean = sums[count] / count
    rows[1:, 10] = np.sqrt(np.maximum(squares[count] / count - mean**2, 0.0))
    long_ago = -1
    for index in range(len(gaps)):
        rows[index + 1, 11] = gaps[max(0, index - 4) : index + 1].min()
        rows[index + 1, 12] = gaps[max(0, index - 4) : index + 1].max()
        rows[index + 1, 13] = gaps[max(0, index - 19) : index + 1].max()
        if gaps[index] > LONG_GAP_S:
            long_ago = index
        rows[index + 1, 18] = index - long_ago
    rows[1:, 14] = np.cumsum(gaps > LONG_GAP_S) / count


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
