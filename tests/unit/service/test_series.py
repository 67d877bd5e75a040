"""One time axis: ticks of a second, and fewer of them for longer."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.gauges import Database, Gpu, Ticked, Triton
from charter_engine.contracts.gpu import GpuSample, GpuStatus
from charter_engine.contracts.live import CounterRates, KvPool, RequestRecord, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.service.hub import Hub
from charter_engine.service.series import MINUTE, SECONDS_KEPT, Series
from charter_engine.service.session_store import SessionStore
from charter_engine.store.ticks import thinned, together
from tests.clock import Clock


def request(computed: int, ttft: float, **fields: object) -> RequestRecord:
    told: dict[str, object] = {"run": "r", "node": "n", "item": 0, "started_at": 0.0}
    tokens = {"prompt_tokens": 100, "reused_tokens": 100 - computed, "ttft_ms": ttft}
    return RequestRecord(**{**told, **tokens, **fields})  # type: ignore[arg-type]


async def ticks(series: Series, clock: Clock, count: int) -> None:
    for _ in range(count):
        clock.now += 1
        await series.tick()


async def test_a_tick_is_what_was_told_in_its_second() -> None:
    clock = Clock(1_000.0)
    hub = Hub(clock)
    series = Series(hub, SessionStore(hub))
    pool = KvPool(max_blocks=100, free_blocks=75, used_blocks=25, tokens_per_block=32)
    hub.publish(Triton(TritonSample(health="ready", kv_pool=pool, waiting_requests=2)))
    hub.request(request(40, 100.0))
    hub.request(request(20, 300.0))
    hub.request(request(99, 1.0, error="refused"))
    await ticks(series, clock, 2)
    first, second = series.last(60, 60)
    assert (first.requests, first.prompt_tokens, first.computed_tokens) == (2, 200, 60)
    assert (first.ttft_ms, first.pool_used, first.waiting) == (200.0, 0.25, 2.0)
    assert first.hit_rate == pytest.approx(0.7)
    assert (second.requests, second.ttft_ms, second.pool_used) == (0, None, 0.25)
    assert Ticked(second) in [gauge.payload for gauge in hub.latest()]


async def test_a_gpu_whose_driver_is_silent_is_a_gap() -> None:
    clock = Clock(1_000.0)
    series = Series(hub := Hub(clock), SessionStore(hub))
    gpu = GpuSample(
        index=0, name="H100", utilization=0.4, memory_used_bytes=60, memory_total_bytes=80
    )
    seen = GpuStatus(gpus=(gpu,))
    for status in (seen, replace(seen, reason="the driver hangs", stale=True)):
        hub.publish(Gpu(status))
        await ticks(series, clock, 1)
    told = [(one.gpu_utilization, one.gpu_memory_used) for one in series.last(60, 60)]
    assert told == [(0.4, 0.75), (None, None)]


def test_memory_of_several_gpus_is_one_share_and_a_mig_instance_counts_once() -> None:
    full = GpuSample(index=0, name="H100", memory_used_bytes=80, memory_total_bytes=80)
    divided = GpuSample(
        index=1, name="H100", mig_enabled=True, memory_used_bytes=10, memory_total_bytes=80
    )
    instance = GpuSample(
        index=1, name="MIG", mig_instance=3, memory_used_bytes=10, memory_total_bytes=20
    )
    silent = GpuSample(index=2, name="H100")
    assert GpuStatus(gpus=(full, divided, instance, silent)).memory_used == 90 / 160
    assert GpuStatus(gpus=(silent,)).memory_used is None


async def test_an_hour_is_kept_by_the_second_and_a_day_by_the_minute() -> None:
    clock = Clock(1_000.0)
    series = Series(hub := Hub(clock), SessionStore(hub))
    await ticks(series, clock, SECONDS_KEPT + 2 * MINUTE)
    assert len(series.last(SECONDS_KEPT, 10_000)) == SECONDS_KEPT
    minutes = series.last(86_400, 10_000)
    assert len(minutes) == (SECONDS_KEPT + 2 * MINUTE) // MINUTE - 1
    assert {one.seconds for one in minutes[1:]} == {float(MINUTE)}


async def test_a_clock_that_is_set_back_takes_along_what_lies_ahead_of_it() -> None:
    clock = Clock(10_000.0)
    hub = Hub(clock)
    series = Series(hub, SessionStore(hub))
    await ticks(series, clock, 200)
    clock.now -= 3_600
    await ticks(series, clock, 130)
    assert [one.at for one in series.last(600, 600)] == [6_600.0 + n for n in range(1, 131)]
    minutes = series.last(86_400, 1_000)
    assert [one.at for one in minutes] == [6_661.0, 6_721.0]


def test_neighbours_are_put_together_by_sums_and_means() -> None:
    made = together(
        [
            Tick(at=1.0, requests=1, prompt_tokens=10, computed_tokens=4, ttft_ms=100.0),
            Tick(at=2.0, requests=3, prompt_tokens=30, computed_tokens=6, ttft_ms=200.0),
            Tick(at=3.0, pool_used=0.5),
        ]
    )
    assert (made.at, made.seconds, made.requests) == (3.0, 3.0, 4)
    assert (made.prompt_tokens, made.computed_tokens) == (40, 10)
    assert (made.ttft_ms, made.pool_used, made.waiting) == (175.0, 0.5, None)


@pytest.mark.parametrize(("most", "made"), [(100, 7), (7, 7), (3, 3), (1, 1), (0, 0)])
def test_no_more_ticks_are_told_than_asked_for_and_none_is_lost(most: int, made: int) -> None:
    found = thinned([Tick(at=float(at), requests=1) for at in range(7)], most)
    assert len(found) == made
    assert sum(one.requests for one in found) == (7 if made else 0)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SessionStore]:
    store = SessionStore(Hub())
    await store.open(tmp_path / "charter.db", "", "local")
    yield store
    await store.close()


async def test_what_an_earlier_engine_measured_is_shown_with_what_is_measured_since(
    store: SessionStore,
) -> None:
    clock = Clock(1_000.0)
    clock.now = time.time() - 60
    for count in (7, 25):
        series = Series(Hub(clock), store)
        await ticks(series, clock, count)
        await series.stop()
    found = await Series(Hub(clock), store).before(None, 3_600, 100)
    assert sum(one.seconds for one in found) == 32


async def test_no_tick_is_kept_twice_after_a_clock_was_set_back(store: SessionStore) -> None:
    clock = Clock(10_000.0)
    series = Series(Hub(clock), store)
    await ticks(series, clock, 5)
    clock.now -= 3_600
    await ticks(series, clock, 3)
    await series.stop()
    assert not series._unkept


async def test_an_hour_that_is_over_is_looked_back_on(store: SessionStore) -> None:
    clock = Clock(1_000.0)
    clock.now = time.time() - 600
    series = Series(Hub(clock), store)
    await ticks(series, clock, 120)
    middle = clock.now - 60
    assert [one.at for one in await series.before(middle, 10, 100)][-1] == pytest.approx(middle)
    assert sum(one.seconds for one in await series.before(middle, 100, 100)) == 60


def unkept(store: SessionStore) -> tuple[str, ...]:
    (told,) = (one.payload for one in store._hub.latest() if isinstance(one.payload, Database))
    return told.unkept


async def test_what_could_not_be_kept_is_kept_later_and_both_is_said(
    store: SessionStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(store._hub, "event", lambda kind, text, **_: told.append(text))
    clock = Clock(1_000.0)
    clock.now = time.time()
    series = Series(Hub(clock), store)
    assert store._store is not None
    await store._store._open.execute("PRAGMA query_only = ON")
    for _ in range(2):
        await ticks(series, clock, 5)
        await series._keep()
    assert unkept(store) == ("history",)
    await store._store._open.execute("PRAGMA query_only = OFF")
    await series.stop()
    assert unkept(store) == ()
    assert [text.partition(":")[0] for text in told if "history" in text] == [
        "history is not kept",
        "history is kept again",
    ]
    assert sum(one.seconds for one in await store.ticks(0, clock.now, 1)) == 10


def sampled(
    prompt: float | None, hit_rate: float | None, prompt_blocks: float | None = None
) -> Triton:
    """A server whose own counters grew by so many prompt tokens since the sample before."""
    rates = CounterRates(
        seconds=1.0, prompt_tokens=prompt, prompt_blocks=prompt_blocks, hit_rate=hit_rate
    )
    pool = KvPool(max_blocks=100, free_blocks=75, used_blocks=25, tokens_per_block=32)
    return Triton(TritonSample(health="ready", kv_pool=pool, rates=rates))


async def tokens_of_ticks(*seconds: tuple[Triton, ...]) -> list[tuple[int, int]]:
    """Prompt and computed tokens of so many seconds, in each of which one request passed by
    Charter too."""
    clock = Clock(1_000.0)
    series = Series(hub := Hub(clock), SessionStore(hub))
    for samples in seconds:
        hub.request(request(40, 100.0))
        for sample in samples:
            hub.publish(sample)
        await ticks(series, clock, 1)
    return [(one.prompt_tokens, one.computed_tokens) for one in series.last(60, 60)]


async def test_what_the_server_itself_counted_holds_what_passed_beside_charter() -> None:
    assert await tokens_of_ticks((sampled(1_000.0, 0.75),)) == [(1_000, 250)]


async def test_a_second_has_all_samples_that_fell_into_it_and_none_twice() -> None:
    first, second = sampled(1_000.0, 0.75), sampled(2_000.0, 0.5)
    assert await tokens_of_ticks((first, second), (), (first,)) == [
        (3_000, 1_250),
        (0, 0),
        (1_000, 250),
    ]


async def test_blocks_alone_are_counted_by_their_size() -> None:
    assert await tokens_of_ticks((sampled(None, 0.5, prompt_blocks=10.0),)) == [(320, 160)]


async def test_a_server_that_counts_no_more_leaves_what_charter_saw() -> None:
    gone = Triton(TritonSample(health="unreachable"))
    assert await tokens_of_ticks((sampled(1_000.0, 0.75),), (gone,)) == [(1_000, 250), (100, 40)]


async def test_a_request_whose_reuse_nobody_told_is_no_computed_one() -> None:
    clock = Clock(1_000.0)
    series = Series(hub := Hub(clock), SessionStore(hub))
    hub.request(request(40, 100.0, reused_tokens=None))
    await ticks(series, clock, 1)
    (made,) = series.last(60, 60)
    assert (made.requests, made.hit_rate) == (1, None)
