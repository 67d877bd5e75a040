"""Workloads in columns."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.batch import within
from charter_engine.kvcache.workload.columns import as_workload, from_records, to_runs
from charter_engine.kvcache.workload.content import Content

BLOCKS = WorkloadRequest(
    timestamp=5, input_length=1100, output_length=7, hash_ids=(4, 5, 9), node="a", session="s",
    retention=Retention(ranges=(TokenRange(start=0, priority=80),)),
)  # fmt: skip
TOKENS = WorkloadRequest(
    timestamp=3,
    input_length=4,
    output_length=2,
    token_ids=(8, 9, 10, 3),
    output_ids=(1, 2),
    node="b",
)
ANSWERED = WorkloadRequest(
    timestamp=9,
    input_length=10,
    output_length=7,
    hash_ids=(4, 5, 6),
    output_hash_ids=(8, 9),
    block_tokens=4,
)


def test_records_come_out_as_they_went_in_by_time() -> None:
    records = [ANSWERED, BLOCKS, TOKENS]
    assert list(as_workload(records).requests()) == [TOKENS, BLOCKS, ANSWERED]


def test_ids_that_count_up_are_one_run() -> None:
    assert to_runs((4, 5, 6, 9, 8)).tolist() == [[4, 3], [9, 1], [8, 1]]


def test_equal_times_keep_their_order() -> None:
    requests = [
        WorkloadRequest(timestamp=at, input_length=n, output_length=0, hash_ids=(1,))
        for n, at in ((1, 2), (2, 1), (3, 1))
    ]
    assert as_workload(requests).input_length.tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (WorkloadRequest(timestamp=0, input_length=0, output_length=0), "input_length is 0"),
        (WorkloadRequest(timestamp=0, input_length=5, output_length=-1), "output_length is -1"),
        (
            WorkloadRequest(timestamp=0, input_length=5, output_length=0, token_ids=(1,)),
            "1 token_ids",
        ),
        (
            WorkloadRequest(timestamp=0, input_length=512, output_length=0, hash_ids=(1, 2)),
            "2 blocks of 512",
        ),
        (
            WorkloadRequest(timestamp=0, input_length=512, output_length=0, hash_ids=(-1,)),
            "negative",
        ),
        (
            WorkloadRequest(timestamp=0, input_length=5, output_length=3, output_ids=(1,)),
            "1 output_ids",
        ),
        (
            WorkloadRequest(timestamp=0, input_length=5, output_length=0, block_tokens=0),
            "block_tokens is 0",
        ),
        (replace(ANSWERED, output_length=6), "3 blocks and 2 behind them do not fit"),
        (replace(ANSWERED, hash_ids=(4, 5)), "2 blocks and 2 behind them do not fit"),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_with_its_number(
    request_: WorkloadRequest, problem: str
) -> None:
    with pytest.raises(ValueError, match=f"request 2: .*{problem}"):
        as_workload([TOKENS, request_])


def test_equal_units_are_equal_tokens_and_tails_are_nobody_elses() -> None:
    workload = as_workload(
        WorkloadRequest(
            timestamp=0, input_length=n, output_length=1, hash_ids=(3, 4), block_tokens=4
        )
        for n in (8, 10, 9)
    )
    content = Content(workload)
    one, two, three = (content.prompt(i) for i in range(3))
    assert one == two[:8] == three[:8]
    assert (
        len({*one, *two[8:], *three[8:], *content.output(0), *content.output(1)}) == 8 + 2 + 1 + 2
    )


def test_units_beyond_a_prompt_tell_what_was_generated() -> None:
    goes_on = WorkloadRequest(
        timestamp=10, input_length=18, output_length=0, hash_ids=(4, 5, 6, 8, 9), block_tokens=4
    )
    workload = as_workload([ANSWERED, goes_on])
    content = Content(workload)
    assert [*content.prompt(0), *content.output(0)] == content.prompt(1)[:17]
    assert workload.told_outputs.tolist() == [7, 0]


def test_what_units_leave_of_an_output_is_nobody_elses() -> None:
    content = Content(as_workload([replace(ANSWERED, output_length=12)]))
    assert len({*content.prompt(0), *content.output(0)}) == 10 + 12


def test_units_of_different_sizes_have_no_token_in_common() -> None:
    requests = [
        WorkloadRequest(
            timestamp=0, input_length=8, output_length=0, hash_ids=(0,), block_tokens=size
        )
        for size in (8, 16)
    ] + [WorkloadRequest(timestamp=0, input_length=8, output_length=0, token_ids=tuple(range(8)))]
    content = Content(as_workload(requests))
    assert len({token for i in range(3) for token in content.prompt(i)}) == 24


def test_what_a_recording_reused_is_taken_to_be_its_nodes_own_prefix() -> None:
    records = [
        RequestRecord(
            run="r",
            node=node,
            item=0,
            started_at=at,
            prompt_tokens=100,
            reused_tokens=reused,
            output_tokens=3,
        )
        for at, node, reused in ((10, "a", 0), (20, "a", 60), (30, "b", 60), (40, "a", 40))
    ]
    failed = RequestRecord(
        run="r", node="a", item=0, started_at=0, prompt_tokens=9, error="refused"
    )
    workload = from_records([failed, *records])
    content = Content(workload)
    prompts = [content.prompt(i) for i in range(4)]
    assert workload.arrival_ms.tolist() == [0, 10_000, 20_000, 30_000]
    assert workload.sessions == ("", "r/0")
    assert prompts[3][:40] == prompts[1][:40]
    assert not set(prompts[1]) & set(prompts[2])


def test_recorded_traffic_of_others_names_no_session() -> None:
    requests = [
        RequestRecord(run="", node="n", item=0, started_at=at, prompt_tokens=9, source="tap")
        for at in (1.0, 2.0)
    ]
    assert from_records(requests).sessions == ("",)


def test_a_recorded_request_of_an_older_charter_is_one_of_its_own_runs() -> None:
    line = b'{"run": "r", "node": "n", "item": 0, "started_at": 1.0}'
    assert msgspec.json.decode(line, type=RequestRecord).source == "run"


def test_stretches_are_laid_one_after_another_and_empty_ones_left_out() -> None:
    starts, counts = np.array([5, 9, 0, 7]), np.array([2, 0, 3, 1])
    assert within(starts, counts).tolist() == [5, 6, 0, 1, 2, 7]
    assert within(starts[:0], counts[:0]).tolist() == []
