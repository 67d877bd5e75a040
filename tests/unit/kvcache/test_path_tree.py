"""The path tree: what prompts share, and nothing else."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.kvcache.workload.content import Content
from charter_engine.kvcache.workload.path_tree import build_paths, depths
from tests.unit.kvcache.workloads import random_workload


def _common(one: list[int], other: list[int]) -> int:
    return next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_two_paths_part_where_their_prompts_do(rng: Random) -> None:
    workload = random_workload(rng)
    paths, content = build_paths(workload), Content(workload)
    one, other = rng.randrange(len(workload)), rng.randrange(len(workload))
    shared = [e for e, f in zip(paths.path(one), paths.path(other), strict=False) if e == f]
    ends = paths.end[shared[-1]] if shared else 0
    assert ends == _common(content.prompt(one)[:-1], content.prompt(other)[:-1])


@given(st.randoms(use_true_random=True))
@settings(max_examples=200, deadline=None)
def test_a_path_ends_with_the_last_token_but_one(rng: Random) -> None:
    workload = random_workload(rng)
    paths = build_paths(workload)
    assert (paths.end[paths.node] == workload.input_length - 1).all()
    assert (paths.start[1:] == paths.end[paths.parent[1:]]).all()
    assert (paths.start[1:] < paths.end[1:]).all()
    assert depths(paths)[paths.node].tolist() == [len(paths.path(i)) for i in range(len(workload))]


def test_edges_are_numbered_in_the_order_of_content() -> None:
    prompts = ((7, 1, 9), (7, 256, 9), (7, 2, 9))
    workload = as_workload(
        WorkloadRequest(timestamp=0, input_length=3, output_length=0, token_ids=tokens)
        for tokens in prompts
    )
    # By bytes, the lowest first, 256 precedes 1 and 2.
    assert build_paths(workload).node.argsort().tolist() == [1, 0, 2]


def test_a_prompt_of_one_token_has_no_path() -> None:
    workload = as_workload(
        [WorkloadRequest(timestamp=0, input_length=1, output_length=0, token_ids=(5,))]
    )
    assert build_paths(workload).path(0) == []


@given(st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_prompts_without_known_content_have_an_edge_each(lengths: list[int]) -> None:
    workload = as_workload(
        WorkloadRequest(timestamp=0, input_length=length, output_length=0) for length in lengths
    )
    paths, content = build_paths(workload), Content(workload)
    assert (paths.end[paths.node] == workload.input_length - 1).all()
    assert len(paths.end) == 1 + sum(length > 1 for length in lengths)
    first = {int(node): content.tail_token(i) for i, node in enumerate(paths.node) if node}
    in_order = [first[edge].to_bytes(8, "little") for edge in sorted(first)]
    assert in_order == sorted(in_order)
