"""The turns a benchmark takes."""

import pytest

from charter_engine.contracts.graph import Call, CompiledFile, Loop, Segment
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import Plan
from charter_engine.executor import run as run_module
from charter_engine.executor.bench.measure import (
    MeasuredServer,
    ServerLost,
    measure,
    measure_batches,
    warm_up,
)
from charter_engine.executor.bench.recorder import MeasuringTarget
from charter_engine.executor.bench.variants import Variant
from charter_engine.executor.target import TargetError
from charter_engine.triton.request import Generated, GenerateRequest

CALL = Call(
    id="ask",
    path="agent.py",
    line=1,
    end_line=1,
    loop=Loop(kind="for", line=1, target="row", iterable="rows"),
    segments=(
        Segment(kind="static", text="Judge: "),
        Segment(kind="variable", name="row", expression="row"),
    ),
)
AGENT = CompiledFile(path="agent.py", calls=(CALL,))
ITERATIONS = [[{"rows": ["a", "b"]}], [{"rows": ["c", "d"]}]]


class Server:
    """Answers until it has answered `lives` requests; writes down who was asked what."""

    def __init__(self, name: str, asked: list[tuple[str, str]], lives: int = 100) -> None:
        self.name, self.asked, self.lives = name, asked, lives

    async def generate(self, request: GenerateRequest) -> Generated:
        if self.lives == 0:
            raise TargetError("nobody answers", repeatable=True)
        self.lives -= 1
        self.asked.append((self.name, request.parts[-1].text))
        return Generated(text="x", prompt_tokens=10, reused_tokens=4, ttft_ms=1.0)


async def gauges() -> KvPool | None:
    return KvPool(max_blocks=9, free_blocks=4, used_blocks=5, tokens_per_block=8)


def measured(server: Server) -> MeasuredServer:
    return MeasuredServer(
        Variant(server.name, "", Plan(agent="agent.py")), MeasuringTarget(server, None), gauges
    )


def quiet(_: str) -> None:
    pass


async def test_every_server_does_every_iteration_and_each_begins_one() -> None:
    asked: list[tuple[str, str]] = []
    servers = [measured(Server(name, asked)) for name in ("one", "two")]
    await measure(servers, AGENT, ITERATIONS, quiet)
    assert asked == [
        ("one", "a"), ("one", "b"), ("two", "a"), ("two", "b"),
        ("two", "c"), ("two", "d"), ("one", "c"), ("one", "d"),
    ]  # fmt: skip
    assert [len(each.exchanges) for each in servers] == [4, 4]
    assert all(each.peak_blocks == 5 and each.elapsed_ms > 0 for each in servers)


async def test_warming_up_is_not_counted() -> None:
    one = measured(Server("one", []))
    await warm_up([one])
    assert (len(one.warm_up), one.exchanges, one.recorder.exchanges) == (1, [], [])


async def test_what_was_measured_before_a_server_was_lost_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "FIRST_BACKOFF_SECONDS", 0.0)
    one = measured(Server("one", [], lives=3))
    with pytest.raises(ServerLost, match="nobody answers"):
        await measure([one], AGENT, ITERATIONS, quiet)
    assert len(one.exchanges) == 3
    assert one.observed().failures == 1


async def test_a_batch_is_run_one_after_another_and_at_once_on_inputs_of_its_own() -> None:
    asked: list[tuple[str, str]] = []
    servers = [measured(Server(name, asked)) for name in ("baseline", "plan")]
    passes = [[{"rows": [f"{number}a", f"{number}b"]}] for number in range(4)]
    cells = await measure_batches(servers, AGENT, passes, quiet)
    assert {(cell.variant, cell.concurrency, cell.requests) for cell in cells} == {
        ("baseline", 1, 2), ("baseline", 2, 2), ("plan", 1, 2), ("plan", 2, 2),
    }  # fmt: skip
    assert len({text for _, text in asked}) == 8
    assert all(cell.token_hit_rate == 0.4 for cell in cells)


async def test_a_batch_at_once_goes_in_waves_where_that_was_chosen() -> None:
    asked: list[tuple[str, str]] = []
    shared, other = "x" * 500, "y" * 500
    rows = [f"{shared}1", f"{other}1", f"{shared}2"]
    server = measured(Server("one", asked))
    await measure_batches([server], AGENT, [[{"rows": rows}]] * 2, quiet)
    assert [text for _, text in asked] == [*rows, *rows]
    asked.clear()
    server.batch_in_waves = True
    await measure_batches([server], AGENT, [[{"rows": rows}]] * 2, quiet)
    wave_by_wave = [f"{shared}1", f"{shared}2", f"{other}1"]
    assert [text for _, text in asked] == [*rows, *wave_by_wave]
