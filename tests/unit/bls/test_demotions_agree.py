"""`charter_bls` demotes what the prediction says, request by request."""

from dataclasses import replace
from typing import Literal

import msgspec
import numpy as np
import pytest

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.bls.retention import Retention
from charter_engine.bls.sessions import Sessions
from charter_engine.plan.retention.demotions import demotions
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.next_use import Decisions
from charter_engine.plan.retention.online import online
from charter_engine.plan.retention.scale import PRICING
from tests.unit.bls.streams import Turn, model, record, turns, workload

NO_OUTPUT = np.empty(0, np.int32)


def at_once(count: int, seed: int) -> list[Turn]:
    """Sessions whose requests end as they arrive, as predictions without times take it, and whose
    prompts drop tails and are rewritten."""
    return [replace(turn, served_ms=0.0, output=NO_OUTPUT) for turn in turns(count, seed)]


BY_PAUSES, BY_LEVELS = model("sent"), msgspec.structs.replace(model("sent"), pauses=None)


@pytest.mark.parametrize("learnt", [BY_PAUSES, BY_LEVELS], ids=["pauses", "levels"])
@pytest.mark.parametrize("eviction", ["leaf", "flat"])
def test_a_deployment_demotes_what_the_prediction_does(
    eviction: Literal["leaf", "flat"], learnt: ReuseTimeModel
) -> None:
    stream, room = at_once(40, 5), PoolRoom(150, 64, eviction)
    sessions = Sessions(online(learnt, PRICING, room))
    found = []
    for index, turn in enumerate(stream):
        now_s = turn.at_ms / 1000.0
        sent = sessions.sent(turn.session, turn.tokens, turn.node, now_s)
        sessions.answered(sent, NO_OUTPUT, now_s)
        demoted = sessions.demotion(now_s, 0)
        if demoted is not None:
            found.append((index, len(demoted.token_ids), record(demoted.retention)))
    requests = workload(stream)
    decisions = Decisions(requests, ((np.arange(len(requests)), learnt),), at_once=False)
    predicted = demotions(decisions, PRICING, room)
    assert [one for one in found if one[0] < len(stream) - 1] == [
        (one.behind, one.tokens, one.asked) for one in predicted
    ]
    assert any(is_of_an_earlier_prompt(asked) for _, _, asked in found)


def is_of_an_earlier_prompt(asked: Retention) -> bool:
    """Whether a part of it is kept beside the shared head, and only what comes last gives way."""
    return len(asked.ranges) == 3 and asked.ranges[-1].priority == asked.decode_priority
