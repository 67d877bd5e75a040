"""Runs on record: kept, listed, shown and compared."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.api import runs
from charter_engine.commands.pages.runs import page_of
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan, ServerSettings
from charter_engine.errors import UsageError
from charter_engine.executor.run_costs import cost_of_run

TRITON = TritonOptions(url="desk:8001")


def report(run: str, computed: int, latency: float, plan: Plan | None = None) -> RunReport:
    sent = tuple(
        RequestRecord(
            run=run,
            node="n",
            item=item,
            started_at=float(item),
            prompt_tokens=1_000,
            reused_tokens=1_000 - computed,
            latency_ms=latency,
        )
        for item in range(6)
    )
    return RunReport(
        run=run,
        agent="/desk/agent.py",
        variant="plan",
        state="done",
        items=6,
        elapsed_ms=6 * latency,
        nodes=(),
        requests=sent,
        cost=cost_of_run(sent, 6, 6 * latency),
        plan=plan or Plan(agent="agent.py"),
        identity=AgentIdentity("agent", "f", {}),
    )


PLANNED = Plan(agent="agent.py", nodes={"n": NodePlan(layout="prefix-first")})


async def test_kept_runs_are_listed_the_latest_first_with_where_they_ran(tmp_path: Path) -> None:
    database = tmp_path / "charter.db"
    first = await runs.keep(report("a", 800, 100.0), TRITON, database)
    await runs.keep(report("b", 100, 145.0, PLANNED), TritonOptions(), database)
    found = (await runs.runs(database=database)).runs
    assert [(one.run, one.deployment, one.as_written) for one in found] == [
        ("b", "embedded", False),
        ("a", "desk:8001", True),
    ]
    assert found[1].number == first
    assert (await runs.runs("other", database)).runs == ()


async def test_a_run_is_shown_with_its_requests(tmp_path: Path) -> None:
    database = tmp_path / "charter.db"
    number = await runs.keep(report("a", 800, 100.0), TRITON, database)
    assert len((await runs.run_of(number, database)).requests) == 6
    with pytest.raises(UsageError, match="no run 7"):
        await runs.run_of(7, database)


async def test_a_planned_run_is_held_against_the_last_one_as_written(tmp_path: Path) -> None:
    database = tmp_path / "charter.db"
    written = await runs.keep(report("a", 800, 100.0), TRITON, database)
    assert await runs.beside(written, database) is None
    planned = await runs.keep(report("b", 128, 145.0, PLANNED), TRITON, database)
    found = await runs.beside(planned, database)
    assert found is not None
    assert found.verdict.words == "computes 84 % less, runs 45 % longer: not worth it here"
    elsewhere = await runs.keep(report("c", 128, 145.0, PLANNED), TritonOptions(), database)
    assert await runs.beside(elsewhere, database) is None


async def test_a_run_is_not_compared_with_itself() -> None:
    with pytest.raises(UsageError, match="run 1 is compared with itself"):
        await runs.compare(1, 1)


async def test_runs_kept_without_a_cost_are_still_listed(tmp_path: Path) -> None:
    database = tmp_path / "charter.db"
    await runs.keep(replace(report("a", 800, 100.0), cost=None, identity=None), TRITON, database)
    (found,) = (await runs.runs(database=database)).runs
    assert (found.cost.whole_ms, found.cost.computed_tokens) == (600.0, None)


async def test_runs_are_compared_by_the_levers_that_their_plans_set_otherwise(
    tmp_path: Path,
) -> None:
    database = tmp_path / "charter.db"
    smaller = replace(PLANNED, server=ServerSettings(tokens_per_block=16))
    plans = (None, PLANNED, smaller)
    written, laid_out, both = [
        await runs.keep(report(str(number), 500, 100.0, plan), TRITON, database)
        for number, plan in enumerate(plans)
    ]
    one = await runs.compare(written, laid_out, database)
    assert one.levers == ("layout",)
    assert not any("levers differ" in note for note in one.notes)
    two = await runs.compare(written, both, database)
    assert two.levers == ("layout", "block_size")
    assert any(note.startswith("2 levers differ") for note in two.notes)


async def test_the_page_on_two_runs_says_first_what_is_paid_and_by_which_lever(
    tmp_path: Path,
) -> None:
    database = tmp_path / "charter.db"
    first = await runs.keep(report("a", 800, 100.0), TRITON, database)
    second = await runs.keep(report("b", 200, 100.0, PLANNED), TRITON, database)
    page = page_of(await runs.compare(first, second, database))
    assert page.index("computes 75 % less") < page.index("4,800 → 1,200") < page.index("<table")
    assert "They differ in: layout." in page
