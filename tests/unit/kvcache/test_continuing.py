"""The last, not full blocks of a session's prompts."""

from dataclasses import replace

import numpy as np
import pytest

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt, WithDemotions
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.batch import column
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.sessions import AgentSession

Call = tuple[int, list[tuple[int, int]]]
"""The tokens of a prompt, and its blocks of four as runs of ids: the first and how many."""


def workload(*calls: Call) -> Workload:
    """The calls of a session, a second apart."""
    runs = [run for _, held in calls for run in held]
    session = AgentSession(
        name="one",
        unit_tokens=4,
        at=np.arange(len(calls), dtype=np.float64),
        served=np.zeros(len(calls)),
        input_length=column([length for length, _ in calls]),
        output_length=column([1] * len(calls)),
        agents=[""] * len(calls),
        runs=column([len(held) for _, held in calls]),
        run_first=column([first for first, _ in runs]),
        run_count=column([count for _, count in runs]),
    )
    builder = WorkloadBuilder()
    session.add_to(builder, 0.0, 0)
    return builder.build()


def units(found: Workload) -> list[list[int]]:
    """The blocks known of each prompt."""
    return [found.units_of(index).tolist() for index in range(len(found))]


@pytest.mark.parametrize(
    ("following", "known"),
    [
        ((14, [(1, 3)]), [1, 2, 3]),
        ((14, [(1, 2), (9, 1)]), [1, 2, 9]),
        ((14, [(1, 1), (8, 2)]), [1, 2]),
        ((14, [(7, 3)]), [1, 2]),
        ((10, [(1, 2)]), [1, 2]),
        ((6, [(1, 1)]), [1, 2]),
    ],
    ids=["in one run", "in a run of its own", "rewritten", "another", "no longer", "shortened"],
)
def test_the_last_block_is_what_the_next_prompt_goes_on_with(
    following: Call, known: list[int]
) -> None:
    assert units(workload((10, [(1, 2)]), following)) == [
        known,
        [id_ for first, count in following[1] for id_ in range(first, first + count)],
    ]


@pytest.mark.parametrize("length", [8, 12], ids=["no tokens", "a whole block"])
def test_blocks_are_as_told_where_none_is_partly_filled(length: int) -> None:
    assert units(workload((length, [(1, 2)]), (14, [(1, 3)])))[0] == [1, 2]


def test_of_a_prompt_shorter_than_a_block_nothing_is_known() -> None:
    found = workload((3, []), (6, [(1, 1)]), (3, []), (10, [(1, 2)]))
    assert units(found) == [[], [1], [], [1, 2]]


def test_each_call_of_several_is_told_by_its_next() -> None:
    calls = (6, [(1, 1)]), (11, [(1, 1), (5, 1)]), (13, [(1, 1), (5, 2)]), (5, [(1, 1)])
    assert units(workload(*calls)) == [[1, 5], [1, 5, 6], [1, 5, 6], [1]]


def test_the_next_prompt_finds_all_of_the_one_before_but_its_last_token() -> None:
    found = Predictor(workload((10, [(1, 2)]), (14, [(1, 3)]))).simulate(PoolSettings(20, 4))
    assert found.reused_tokens.tolist() == [0, 9]


def test_the_next_prompt_takes_the_block_over_and_none_is_left_behind() -> None:
    found = Predictor(workload((10, [(1, 2)]), (12, [(1, 3)]))).simulate(PoolSettings(20, 4))
    assert found.allocated_total == 3


def test_a_demotion_finds_the_last_block_that_no_other_prompt_tells() -> None:
    first = Retention((TokenRange(0, None, 34),))
    requests = workload((10, [(1, 2)]))
    beside = WithDemotions.of(requests, None, [DemotedPrompt(0, 0, 10, first)])
    found = Predictor(beside.workload).simulate(PoolSettings(20, 4), beside.retention)
    assert found.reused_tokens.tolist() == [0, 9]


def test_a_request_chosen_twice_is_one_prompt_and_two_requests_are_two() -> None:
    requests = workload((10, [(1, 2)]), (10, [(7, 2)]))
    content = Content(requests.select((0, 1, 0)))
    assert content.prompt(0) == content.prompt(2)
    assert not set(content.prompt(0)) & set(content.prompt(1))


def test_a_part_of_a_prompt_begins_as_the_whole_does() -> None:
    twice = workload((11, [(1, 2)])).select((0, 0))
    content = Content(replace(twice, input_length=column([11, 9])))
    assert content.prompt(1) == content.prompt(0)[:9]
