"""What lies in a pool after some traffic."""

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.contents import PoolContents, tokens_of
from tests.unit.traffic.records import record

SIZE = 16
SYSTEM = list(range(64))
"""Four blocks that every prompt begins with."""


def prompt(number: int, own: int = 32) -> list[int]:
    return [*SYSTEM, *range(1000 * number, 1000 * number + own)]


def range_of(number: int) -> list[int]:
    """Two blocks of its own; no cache stores a prompt's last token."""
    return [*range(1000 * number, 1000 * number + 2 * SIZE), 0]


def after(
    *records: TrafficRecord, blocks: int = 100, retention: Retention | None = None
) -> PoolContents:
    contents = PoolContents(PoolSettings(blocks, SIZE), lambda _: retention)
    for one in records:
        contents.take(one, one.session)
    return contents


def request(number: int, **fields: object) -> TrafficRecord:
    told = {"at": 100.0 + number, "sequence": number, "node": "a", "session": "s", **fields}
    return record(prompt(number), **told)


def test_blocks_are_held_by_the_node_that_brought_them_first() -> None:
    report = after(request(1), request(2, node="b")).report(200.0)
    assert [(one.name, one.blocks, one.shared_blocks) for one in report.nodes] == [
        ("a", 6, 4),
        ("b", 2, 0),
    ]
    assert report.cached_blocks == 8
    assert report.requests == 2


def test_what_was_reused_is_told_beside_what_the_server_says() -> None:
    report = after(request(1, reused_tokens=0), request(2, reused_tokens=48)).report(200.0)
    assert (report.predicted_reused, report.measured_reused) == (64, 48)


def test_a_request_that_the_server_tells_nothing_of_is_not_compared() -> None:
    assert after(request(1), request(2)).report(200.0).compared_tokens == 0


def test_the_prefix_that_saved_most_stands_first_with_who_used_it() -> None:
    report = after(request(1), request(2, node="b"), request(3)).report(200.0)
    first = report.prefixes[0]
    assert (first.begin, first.tokens, first.requests, first.nodes) == (0, 64, 3, ("a", "b"))
    assert first.saved_tokens == 128


def test_what_is_not_answered_yet_is_in_use_and_behind_what_was_answered_before() -> None:
    long = record(range_of(1), at=100.0, node="long", total_ms=9_000.0)
    short = record(range_of(2), at=101.0, node="short", total_ms=1_000.0)
    other = record(range_of(3), at=103.0, node="other", total_ms=1_000.0)
    report = after(long, short, other, blocks=6).report(200.0)
    assert [(one.evicted, one.blocks) for one in report.displacements] == [("short", 2)]


def test_a_request_that_finds_no_room_waits_for_those_before_it() -> None:
    running = [record(range_of(n), at=100.0 + n, total_ms=60_000.0) for n in (1, 2, 3)]
    contents = after(*running, blocks=4)
    assert (contents.rejected, contents.requests) == (0, 3)


def test_a_full_pool_tells_who_evicted_whom() -> None:
    others = [request(number, node="b") for number in range(2, 8)]
    report = after(request(1), *others, blocks=8).report(200.0)
    assert ("a", "b") in {(one.evicted, one.by) for one in report.displacements}
    assert report.evicted_blocks == sum(one.blocks for one in report.displacements)
    assert report.evictions_by_priority == {35: report.evicted_blocks}
    assert report.cached_blocks <= 8


def test_what_had_to_go_and_came_back_was_computed_again() -> None:
    others = [record(list(range(500 * n, 500 * n + 96)), at=100.0 + n, node="b") for n in (2, 3)]
    report = after(request(1), *others, request(1, at=110.0), blocks=8).report(200.0)
    (lost,) = [one for one in report.displacements if one.evicted == "a"]
    assert lost.again_blocks > 0


def test_priority_and_deadline_are_those_that_were_asked_for() -> None:
    asked = Retention((TokenRange(0, 64, 90, 30_000),))
    contents = after(request(1), retention=asked)
    held = {one.name: one for one in contents.report(110.0).priorities}
    assert held["90"].blocks == 4
    assert held["90"].held_until == 131.0
    assert {one.name for one in contents.report(140.0).priorities} == {"35"}


def test_the_map_has_every_cached_block_once() -> None:
    report = after(request(1), request(2, node="b"), request(3, node="c")).report(200.0)
    assert sum(run.blocks for run in report.map) == report.cached_blocks
    assert {run.node for run in report.map} == {"a", "b", "c"}


def test_a_prompt_that_nobody_knows_is_counted_and_left_out() -> None:
    contents = after(TrafficRecord(at=1.0, prompt_tokens=64))
    assert contents.unknown == 1
    assert not contents.report(2.0).requests


def test_other_salts_share_nothing() -> None:
    report = after(request(1, salt="x"), request(2, salt="y")).report(200.0)
    assert report.cached_blocks == 12


def test_by_hashes_the_block_manager_reuses_the_same_but_for_less_than_a_grain() -> None:
    answer = list(range(7000, 7040))
    first, second = prompt(1), [*prompt(1), *answer, *range(9000, 9020)]
    by_tokens = BlockManager(PoolSettings(100, SIZE))
    by_tokens.add(0, first)
    by_tokens.append(0, answer)
    by_tokens.finish(0)
    by_hashes = BlockManager(PoolSettings(100, SIZE))
    known, whole = tokens_of(record(first, answer))
    by_hashes.add(0, known)
    by_hashes.append(0, whole[len(known) :])
    by_hashes.finish(0)
    expected = by_tokens.add(1, second).reused_tokens
    reused = by_hashes.add(1, tokens_of(record(second))[0]).reused_tokens
    assert expected - GRAIN_TOKENS < reused <= expected
    assert reused > len(first)


def test_content_computed_again_is_still_of_the_session_that_sent_it_first() -> None:
    others = [record(range_of(number), at=100.0 + number, session="other") for number in (2, 3, 4)]
    first, again = (
        record(range_of(1), at=at, session=who) for at, who in ((1.0, "desk"), (200.0, "other"))
    )
    report = after(first, *others, again, blocks=6).report(300.0)
    assert sum(one.again_blocks for one in report.displacements) == 2
    assert {one.name: one.blocks for one in report.sessions}["desk"] == 2
