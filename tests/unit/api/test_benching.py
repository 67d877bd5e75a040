"""How much a benchmark does, and what it refuses before a server starts."""

from pathlib import Path

import pytest

from charter_engine.api.benching import Benchmark, opened_benchmark
from charter_engine.contracts.benching import BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.errors import UsageError
from charter_engine.executor.bench import work
from tests.unit.api.agents import write_agent, write_plan

LOOP = """
def judge(client, rows):
    verdicts = []
    for row in rows:
        prompt = "Judge this row by the rules of the house.\\n\\n" + row
        verdicts.append(client.generate(prompt, max_tokens=9))
    return verdicts
"""


def opened(request: BenchRequest) -> Benchmark:
    return opened_benchmark(request, TritonOptions())


def rows(directory: Path) -> Path:
    path = directory / "rows.jsonl"
    path.write_text('{"rows": ["one", "two", "three"]}')
    return path


def test_an_agent_without_a_loop_is_repeated_with_novel_inputs(tmp_path: Path) -> None:
    benchmark = opened(BenchRequest(agent=str(write_agent(tmp_path))))
    assert (benchmark.count, benchmark.unseen, benchmark.is_batch) == (
        work.CHAIN_ITERATIONS,
        True,
        False,
    )


def test_a_loop_over_rows_makes_passes_over_the_same_rows(tmp_path: Path) -> None:
    benchmark = opened(
        BenchRequest(agent=str(write_agent(tmp_path, LOOP)), inputs=str(rows(tmp_path)))
    )
    assert (benchmark.count, benchmark.unseen, benchmark.is_batch) == (work.PASSES, False, True)


def test_what_is_asked_for_goes_before_what_is_usual(tmp_path: Path) -> None:
    benchmark = opened(
        BenchRequest(agent=str(write_agent(tmp_path)), iterations=7, unseen=False, quick=True)
    )
    assert (benchmark.count, benchmark.unseen) == (7, False)


def test_a_quick_look_generates_few_tokens(tmp_path: Path) -> None:
    benchmark = opened(BenchRequest(agent=str(write_agent(tmp_path)), quick=True))
    assert benchmark.count == work.QUICK_CHAIN_ITERATIONS
    assert benchmark.max_tokens == work.QUICK_MAX_TOKENS


def test_inputs_that_do_not_fill_the_prompts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no value for 'document'"):
        opened(BenchRequest(agent=str(write_agent(tmp_path)), inputs=str(rows(tmp_path))))


def test_another_agents_plan_is_refused(tmp_path: Path) -> None:
    plan = write_plan(tmp_path, "other.py", "\n  judge:verdict: {}")
    with pytest.raises(UsageError, match=r"for agent other\.py, not for desk"):
        opened(BenchRequest(agent=str(write_agent(tmp_path)), plan=str(plan)))
