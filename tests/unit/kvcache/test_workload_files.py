"""Reading workload files."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard

from charter_engine.kvcache.workload.lines import (
    WorkloadFormatError,
    read_sessions,
    read_workload,
    write_lines,
)
from charter_engine.kvcache.workload.sessions import pool
from charter_engine.kvcache.workload.waits import Follows
from charter_engine.store.workload_cache import cache_key, find, keep, load

GOOD = b'{"timestamp": 1, "input_length": 600, "output_length": 5, "hash_ids": [0, 7]}\n'
BAD = b'{"timestamp": 2, "input_length": "x", "output_length": 5, "hash_ids": [0]}\n'
PACKED = {
    "id": "one",
    "tool_tokens": 1,
    "system_tokens": 2,
    "reqs": [
        [0.0, 0.0, 2.0, 130, 9, [[1, 2]], ""],
        [5000.0, 4998.0, 3.0, 200, 9, [[1, 2], [9, 9]], "Explore"],
    ],
}
TESTER = {
    "id": "two",
    "block_size": 64,
    "requests": [
        {"t": 0.0, "type": "s", "in": 130, "out": 9, "hash_ids": [1, 2], "api_time": 2.0},
        {
            "t": 10.0, "type": "subagent", "subagent_type": "Explore",
            "requests": [{"t": 1.0, "type": "n", "in": 70, "out": 1, "hash_ids": [5]}],
        },
    ],
}  # fmt: skip


def _file(tmp_path: Path, content: bytes, name: str = "w.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_plain_and_compressed_lines_are_read(tmp_path: Path, pack: object) -> None:
    workload = read_workload(_file(tmp_path, pack(GOOD * 3)))  # type: ignore[operator]
    assert workload.prompt_tokens == 1800


@pytest.mark.parametrize("content", [GOOD, b"[" + GOOD + b"]"], ids=["lines", "list"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_byte_order_mark_is_no_part_of_a_file(
    tmp_path: Path, pack: object, content: bytes
) -> None:
    marked = pack(b"\xef\xbb\xbf" + content)  # type: ignore[operator]
    assert len(read_workload(_file(tmp_path, marked))) == 1


def test_utf_16_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match="iconv"):
        read_workload(_file(tmp_path, GOOD.decode().encode("utf-16")))


def test_what_is_known_of_outputs_is_written_and_read_again(tmp_path: Path) -> None:
    line = (
        b'{"timestamp":1.0,"input_length":10,"output_length":7,"hash_ids":[4,5,6],'
        b'"output_hash_ids":[8,9],"block_tokens":4}\n'
    )
    path = tmp_path / "again.jsonl"
    with path.open("wb") as file:
        write_lines(read_workload(_file(tmp_path, line)).requests(), file)
    assert path.read_bytes() == line


def test_a_bad_line_is_reported_with_its_number_and_skipped(tmp_path: Path) -> None:
    told: list[int] = []
    workload = read_workload(
        _file(tmp_path, GOOD + b"\n" + BAD + GOOD + b'{"cut'), lambda n, _: told.append(n)
    )
    assert (len(workload), told) == (2, [3, 5])


def test_what_only_some_lines_tell_is_read(tmp_path: Path) -> None:
    lengths = b'{"timestamp": 0, "input_length": 600, "output_length": 5}\n'
    named = b'{"timestamp": 2, "input_length": 600, "output_length": 5, "node": "n"}\n'
    workload = read_workload(_file(tmp_path, lengths + GOOD + named))
    assert [request.hash_ids for request in workload.requests()] == [(), (0, 7), ()]
    assert [request.node for request in workload.requests()] == ["", "", "n"]


def test_a_number_beyond_64_bits_is_told_in_plain_words(tmp_path: Path) -> None:
    wide = b'{"timestamp": 1, "input_length": 600, "output_length": 5, "hash_ids": [%d]}\n' % 2**70
    told: list[str] = []
    read_workload(_file(tmp_path, GOOD + wide), lambda _, problem: told.append(problem))
    assert told == ["ids of tokens and blocks are numbers of at most 64 bits"]


def test_objects_over_many_lines_are_numbered_by_those_they_begin_in(tmp_path: Path) -> None:
    def spread(line: bytes) -> bytes:
        return json.dumps(json.loads(line), indent=2).encode() + b"\n"

    told: list[int] = []
    content = spread(GOOD) + spread(BAD) + b"\n" + spread(GOOD) + b'{\n  "cut'
    workload = read_workload(_file(tmp_path, content), lambda n, _: told.append(n))
    lines = spread(GOOD).count(b"\n")
    assert len(workload) == 2
    assert told == [1 + lines, 2 + 2 * lines + spread(BAD).count(b"\n")]


def test_a_bad_item_of_a_list_is_skipped(tmp_path: Path) -> None:
    told: list[int] = []
    content = b"[" + b",\n".join([GOOD, BAD, GOOD]) + b"]"
    workload = read_workload(_file(tmp_path, content), lambda n, _: told.append(n))
    assert (len(workload), told) == (2, [2])


def test_strictly_read_a_bad_line_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match=r"w\.jsonl:2: .*input_length"):
        read_workload(_file(tmp_path, GOOD + BAD))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"[1, 2]\n", b"hello\n", b'{"a": 1}\n', b"\x1f\x8b\x08broken"]
)
def test_what_is_no_workload_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WorkloadFormatError, match=r"w\.jsonl"):
        read_workload(_file(tmp_path, content), lambda *_: None)


def test_a_compressed_file_that_was_cut_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(GOOD * 1000, compresslevel=0)
    with pytest.raises(WorkloadFormatError, match="damaged or cut off"):
        read_workload(_file(tmp_path, whole[: len(whole) // 2]), lambda *_: None)


def test_written_lines_read_as_the_same_workload(tmp_path: Path) -> None:
    workload = read_workload(_file(tmp_path, GOOD * 2))
    with (tmp_path / "again.jsonl").open("wb") as file:
        assert write_lines(workload.requests(), file) == 2
    assert list(read_workload(tmp_path / "again.jsonl").requests()) == list(workload.requests())


def test_packed_sessions_are_read(tmp_path: Path) -> None:
    (session,) = read_sessions(_file(tmp_path, json.dumps(PACKED).encode()))
    assert session.runs.tolist() == [1, 2]
    assert (session.run_first.tolist(), session.run_count.tolist()) == ([1, 1, 9], [2, 2, 1])
    assert [*session.agents] == ["", "Explore"]


@pytest.mark.parametrize("indent", [None, 1])
def test_tester_sessions_are_read_with_their_sub_agents(tmp_path: Path, indent: int | None) -> None:
    (session,) = read_sessions(_file(tmp_path, json.dumps(TESTER, indent=indent).encode()))
    assert [*zip(session.at, session.agents, strict=True)] == [(0.0, ""), (11.0, "Explore")]


def test_a_sub_agents_marker_may_have_no_time(tmp_path: Path) -> None:
    document = json.dumps(TESTER).replace('"t": 10.0, ', "").encode()
    assert read_workload(_file(tmp_path, document)).arrival_ms.tolist() == [0, 1000]


def test_ids_behind_a_testers_prompt_are_none_of_it(tmp_path: Path) -> None:
    call = {"t": 0.0, "in": 130, "out": 9, "hash_ids": [1, 2, 3, 4, 5]}
    document = json.dumps({**TESTER, "requests": [call]}).encode()
    assert read_workload(_file(tmp_path, document)).units.tolist() == [1, 2, 3]


def test_a_directory_of_tester_sessions_is_read(tmp_path: Path) -> None:
    for name in ("b.json", "a.json"):
        _file(tmp_path, json.dumps({**TESTER, "id": name}).encode(), name)
    assert [session.name for session in read_sessions(tmp_path)] == ["a.json", "b.json"]


def test_requests_are_no_sessions(tmp_path: Path) -> None:
    with pytest.raises(WorkloadFormatError, match="not sessions"):
        list(read_sessions(_file(tmp_path, GOOD)))


def test_pooled_sessions_share_no_content_and_pause_no_longer_than_allowed(tmp_path: Path) -> None:
    lines = b"\n".join(json.dumps({**PACKED, "id": str(i)}).encode() for i in range(3))
    sessions = list(read_sessions(_file(tmp_path, lines)))
    pooled = pool(sessions, 2, window_s=100, gap_cap_s=600, seed=7)
    again = pool(sessions, 2, window_s=100, gap_cap_s=600, seed=7)
    assert list(pooled.requests()) == list(again.requests())
    units = [set(pooled.units_of(i).tolist()) for i in range(4)]
    for session in range(1, 3):
        own = [i for i in range(4) if pooled.session[i] == session]
        others = [i for i in range(4) if pooled.session[i] != session]
        assert pooled.arrival_ms[own[1]] - pooled.arrival_ms[own[0]] == pytest.approx(603_000)
        assert not units[own[1]] & units[others[1]]
    with pytest.raises(ValueError, match="the file has 3"):
        pool(sessions, 4, 100, 600, 7)


def test_the_kept_form_is_the_same_workload_until_the_file_changes(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD * 2)
    key, directory = cache_key(path), tmp_path / "cache"
    assert find(directory, key) is None
    workload = read_workload(path)
    keep(directory, key, workload)
    kept = find(directory, key)
    assert kept is not None
    assert list(kept.requests()) == list(workload.requests())
    assert cache_key(path, "pool") != key
    path.write_bytes(GOOD * 3)
    assert cache_key(path) != key


def test_the_kept_form_knows_what_requests_follow_and_what_limits_them(tmp_path: Path) -> None:
    second = b'{"session_id": 1, "delay": 7, "input_length": 9, "output_length": 1}\n'
    path = _file(tmp_path, second.replace(b'"delay": 7', b'"timestamp": 1') + second)
    workload = read_workload(path)
    keep(tmp_path, "k", workload)
    kept = find(tmp_path, "k")
    assert kept is not None
    assert (kept.follows, kept.notes) == (workload.follows, workload.notes)
    assert kept.follows == {1: Follows((0,), 7.0)}


def test_a_damaged_kept_form_is_none(tmp_path: Path) -> None:
    path = _file(tmp_path, GOOD)
    keep(tmp_path, "k", read_workload(path))
    whole = (tmp_path / "k.npz").read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"x" * 99):
        (tmp_path / "k.npz").write_bytes(content)
        assert find(tmp_path, "k") is None


def test_what_is_written_to_a_kept_workload_stays_in_memory(tmp_path: Path) -> None:
    workload = read_workload(_file(tmp_path, GOOD * 2))
    keep(tmp_path, "kept", workload)
    found = find(tmp_path, "kept")
    assert found is not None
    found.arrival_ms[:] = 7
    again = find(tmp_path, "kept")
    assert again is not None
    assert again.arrival_ms.tolist() == workload.arrival_ms.tolist()


def test_a_kept_wait_for_a_request_that_is_not_there_is_none(tmp_path: Path) -> None:
    workload = read_workload(_file(tmp_path, GOOD * 2))
    keep(tmp_path, "kept", replace(workload, follows={1: Follows((5,))}))
    assert find(tmp_path, "kept") is None
    keep(tmp_path, "kept", replace(workload, follows={1: Follows((0,))}))
    assert find(tmp_path, "kept") is not None


def test_the_binary_form_that_numpy_writes_is_read(tmp_path: Path) -> None:
    workload = read_workload(_file(tmp_path, GOOD * 2))
    keep(tmp_path, "kept", workload)
    with np.load(tmp_path / "kept.npz") as columns:
        np.savez(tmp_path / "again.npz", **columns)
    assert load(tmp_path / "again.npz").units.tolist() == workload.units.tolist()
