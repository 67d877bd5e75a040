"""The runs of the open agent: kept one by one, and never added up."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from charter_engine.contracts.costs import RunCost
from charter_engine.contracts.gauges import Runs
from charter_engine.contracts.identity import AgentIdentity
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.errors import UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.run_history import UNLIKE_CACHES, RunHistory
from charter_engine.service.session_store import SessionStore

IDENTITY = AgentIdentity("agent", "f", {})
PLANNED = Plan(agent="agent.py", nodes={"n": NodePlan(layout="prefix-first")})


def report(run: str, **fields: object) -> RunReport:
    made = RunReport(
        run=run,
        agent="agent.py",
        variant="plan",
        state="done",
        items=2,
        elapsed_ms=1_000.0,
        nodes=(),
        requests=(RequestRecord(run=run, node="n", item=0, started_at=1.0),),
        cost=RunCost(items=2, computed_tokens=100, prompt_tokens=200, whole_ms=1_000.0),
        plan=PLANNED,
        revision=1,
        identity=IDENTITY,
        earlier=0,
    )
    return replace(made, **fields)


class Scene:
    """A history on a database of its own, and what is published of it."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.store = SessionStore(self.hub)
        self.live = 1
        self.history = RunHistory(self.hub, self.store, "embedded", lambda: self.live)

    @property
    def shown(self) -> Runs:
        return next(gauge.payload for gauge in self.hub.latest() if isinstance(gauge.payload, Runs))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene()
    await made.store.open(tmp_path / "charter.db", "agent.py", "embedded")
    await made.history.agent_opened(IDENTITY)
    yield made
    await made.store.close()


async def test_runs_are_told_the_latest_first_each_with_its_own_cost(scene: Scene) -> None:
    await scene.history.ended(report("a", variant="baseline"))
    await scene.history.ended(report("b", cost=RunCost(computed_tokens=10, whole_ms=1_500.0)))
    assert [(run.run, run.cost.computed_tokens) for run in scene.shown.runs] == [
        ("b", 10),
        ("a", 100),
    ]


async def test_a_run_keeps_the_number_that_it_began_with(scene: Scene) -> None:
    number = await scene.history.begun("a")
    await scene.history.ended(report("a"))
    assert [(run.run, run.number) for run in scene.shown.runs] == [("a", number)]


async def test_runs_that_are_not_kept_have_numbers_as_well() -> None:
    made = Scene()
    await made.history.agent_opened(IDENTITY)
    assert [await made.history.begun("a"), await made.history.begun("b")] == [1, 2]
    await made.history.ended(report("a"))
    await made.history.ended(report("b"))
    assert [(one.run, one.number) for one in made.shown.runs] == [("b", 2), ("a", 1)]


async def test_as_written_and_live_are_answered_for_by_separate_runs(scene: Scene) -> None:
    await scene.history.ended(report("a", variant="baseline"))
    await scene.history.ended(
        report("b", cost=RunCost(computed_tokens=16, prompt_tokens=200, whole_ms=1_450.0))
    )
    assert (scene.shown.as_written, scene.shown.live) == (1, 2)
    assert scene.shown.verdict.words == ("computes 84 % less, runs 45 % longer: not worth it here")


async def test_an_unfinished_run_answers_for_nothing(scene: Scene) -> None:
    await scene.history.ended(report("a", state="cancelled"))
    await scene.history.ended(report("b", variant="baseline", state="failed"))
    assert (scene.shown.as_written, scene.shown.live) == (None, None)


async def test_after_a_push_no_earlier_run_answers_for_what_is_live(scene: Scene) -> None:
    await scene.history.ended(report("a"))
    scene.live = 2
    scene.history.show()
    assert scene.shown.live is None


async def test_of_runs_as_written_the_one_with_as_much_in_the_cache_is_set_beside(
    scene: Scene,
) -> None:
    await scene.history.ended(report("a", variant="baseline"))
    await scene.history.ended(report("b", variant="baseline", earlier=3))
    await scene.history.ended(report("c"))
    assert scene.shown.as_written == 1
    await scene.history.ended(report("d", earlier=7))
    assert scene.shown.verdict.words.endswith(UNLIKE_CACHES)


async def test_runs_come_back_from_the_database_and_others_agents_stay_away(
    scene: Scene, tmp_path: Path
) -> None:
    await scene.history.ended(report("a"))
    await scene.history.ended(report("x", identity=AgentIdentity("agent", "other", {})))
    await scene.store.close()
    again = Scene()
    await again.store.open(tmp_path / "charter.db", "agent.py", "embedded")
    await again.history.agent_opened(IDENTITY)
    assert [run.run for run in again.shown.runs] == ["a"]
    assert again.history.plan_of(1)[1] == PLANNED
    assert len((await again.history.detail(1)).requests) == 1
    await again.store.close()


async def test_runs_are_compared_by_their_numbers(scene: Scene) -> None:
    await scene.history.ended(report("a", variant="baseline"))
    await scene.history.ended(report("b"))
    comparison = await scene.history.compare(1, 2)
    assert (comparison.before.run, comparison.after.run) == ("a", "b")


async def test_a_run_that_is_not_there_is_said(scene: Scene) -> None:
    with pytest.raises(UsageError, match="no run 9"):
        await scene.history.detail(9)
    with pytest.raises(UsageError, match="run 9 is none of the open agent's"):
        scene.history.plan_of(9)


async def test_without_a_database_runs_are_held_in_memory() -> None:
    scene = Scene()
    await scene.history.agent_opened(IDENTITY)
    await scene.history.ended(report("a"))
    assert [run.number for run in scene.shown.runs] == [1]
    assert len((await scene.history.detail(1)).requests) == 1


async def test_a_run_whose_wording_was_not_kept_cannot_be_made_again(tmp_path: Path) -> None:
    words = "in the patient's words"
    worded = Plan(agent="agent.py", nodes={"n": NodePlan(layout="source", wording={0: words})})
    hub = Hub()
    store = SessionStore(hub, keeps_text=False)
    await store.open(tmp_path / "charter.db", "agent.py", "embedded")
    await RunHistory(hub, store, "embedded", lambda: 1).ended(
        report("r", plan=worded, errors=(words,), outputs=({"n": words},))
    )
    later = RunHistory(hub, store, "embedded", lambda: 1)
    await later.agent_opened(IDENTITY)
    with pytest.raises(UsageError, match="the wording of its plan was not kept"):
        later.plan_of(later.shown[0].number)
    await store.close()
    assert words.encode() not in (tmp_path / "charter.db").read_bytes()
