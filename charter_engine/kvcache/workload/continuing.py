"""The last, not full block of a session's prompts, which sources by block leave out: the session's
next prompt tells what it begins with, where that goes on from all the rest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter_engine.kvcache.workload.batch import within
from charter_engine.kvcache.workload.ids import Ints


class CallRuns(NamedTuple):
    """The blocks of a session's calls in order of time, as runs of ids one call after another: the
    number of runs of each call, and the first id and the number of ids of each run."""

    runs: Ints
    first_ids: Ints
    counts: Ints


def with_last_blocks(calls: CallRuns, input_length: Ints, unit_tokens: int) -> CallRuns:
    """The same, each call's last, not full block being the one with which the next call goes on
    from all its others. What no next call tells stays unknown.

    A server stores such a block with its request, and the next one takes it over: in both it is the
    same content. What is generated there is *assumed* to be what the next prompt holds, or to leave
    the block's own tokens as they are.
    """
    runs, first_ids, counts = calls
    if len(runs) < 2:
        return calls
    ends = np.cumsum(runs)
    blocks = np.diff(np.concatenate(([0], np.cumsum(counts)))[ends], prepend=0)
    missing = input_length - blocks * unit_tokens
    goes_on = (blocks[:-1] > 0) & (blocks[1:] > blocks[:-1]) & (runs[1:] >= runs[:-1])
    chosen = np.flatnonzero(goes_on & (missing[:-1] > 0) & (missing[:-1] < unit_tokens))
    chosen = chosen[_lead(calls, ends - runs, chosen)]
    last, same = ends[chosen] - 1, ends[chosen] + runs[chosen] - 1
    apart = counts[same] == counts[last]
    runs, counts = runs.copy(), counts.copy()
    counts[last[~apart]] += 1
    runs[chosen[apart]] += 1
    behind, told = ends[chosen[apart]], first_ids[same[apart] + 1]
    return CallRuns(runs, np.insert(first_ids, behind, told), np.insert(counts, behind, 1))


def _lead(calls: CallRuns, begins: Ints, chosen: Ints) -> NDArray[np.bool_]:
    """Of some calls, whether all their blocks lead those of the next one, which has no fewer
    runs."""
    runs, first_ids, counts = calls
    owner = np.repeat(np.arange(len(chosen)), runs[chosen])
    place = within(np.zeros(len(chosen), dtype=np.int64), runs[chosen])
    own, following = begins[chosen][owner] + place, begins[chosen + 1][owner] + place
    is_last = place == runs[chosen][owner] - 1
    wrong = first_ids[own] != first_ids[following]
    wrong |= np.where(is_last, counts[own] > counts[following], counts[own] != counts[following])
    leads: NDArray[np.bool_] = np.bincount(owner, wrong, len(chosen)) == 0
    return leads
