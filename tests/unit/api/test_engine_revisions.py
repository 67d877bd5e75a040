"""Plans that are live in an engine alone."""

import json

import pytest

from charter_engine.api.drafting import default_plan
from charter_engine.api.engine_revisions import EngineRevisions
from charter_engine.contracts.deploy import Profile, Revision
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.errors import CharterError
from charter_engine.gateway.message_layout import SwitchedLayout
from tests.harbour import ANSWER, RULES

PROFILE = Profile(path="http", reasons={"retention": "vLLM has none", "share": "nobody tells"})
WRITTEN = default_plan(CompiledFile(path="harbour.py", calls=(ANSWER,)))
LAID_OUT = Plan(
    agent="harbour.py",
    nodes={"answer": NodePlan(layout="prefix-first", apply="traffic", order=(3, 0, 1, 2, 4))},
    identity=WRITTEN.identity,
)
BODY = json.dumps(
    {
        "messages": [
            {"role": "system", "content": f"You speak with Ada.\n{RULES}"},
            {"role": "user", "content": "Who arrived?"},
        ]
    }
).encode()


class Scene:
    """Revisions of an agent that is open, and the layout that they switch."""

    def __init__(self) -> None:
        self.layout = SwitchedLayout()
        self.numbers: list[int] = []
        self.revisions = EngineRevisions(
            self.layout, "http://server", lambda: PROFILE, self._went_live
        )
        self.revisions.agent_opened(WRITTEN, (ANSWER,))

    async def _went_live(self, revision: Revision) -> None:
        self.numbers.append(revision.number)

    @property
    def is_laid_out(self) -> bool:
        return self.layout.of(BODY, "").laid_out


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_as_long_as_nothing_is_live_prompts_are_told_apart_and_go_as_they_come(
    scene: Scene,
) -> None:
    found = scene.layout.of(BODY, "")
    assert (found.node, found.laid_out, found.body) == ("answer", False, BODY)


async def test_a_push_lays_out_from_the_next_request_on(scene: Scene) -> None:
    report = await scene.revisions.push(LAID_OUT, (ANSWER,), note="try it")
    live = await scene.revisions.live()
    assert (report.revision, report.diff.cost) == (1, "request")
    assert scene.is_laid_out
    assert live is not None
    assert (live.plan, live.note, live.parent) == (LAID_OUT, "try it", 0)
    assert scene.numbers == [1]


async def test_a_rollback_is_a_revision_of_its_own_and_can_be_undone_no_further(
    scene: Scene,
) -> None:
    await scene.revisions.push(LAID_OUT, (ANSWER,))
    report = await scene.revisions.rollback(base_revision=1)
    assert (report.revision, scene.is_laid_out) == (2, False)
    assert [item.state for item in scene.revisions.history()] == ["superseded", "live"]
    with pytest.raises(CharterError, match="no push left"):
        await scene.revisions.rollback()


async def test_numbers_go_on_behind_those_of_earlier_engines(scene: Scene) -> None:
    scene.revisions.numbered_behind(7)
    assert scene.revisions.recorded() is None
    assert (await scene.revisions.push(LAID_OUT, (ANSWER,))).revision == 8


async def test_what_the_server_cannot_do_is_refused_and_changes_nothing(scene: Scene) -> None:
    keeping = NodePlan(retention=(SegmentRange(priority=90),))
    plan = Plan(agent="harbour.py", nodes={"answer": keeping}, identity=WRITTEN.identity)
    with pytest.raises(CharterError, match="vLLM has none"):
        await scene.revisions.push(plan, (ANSWER,))
    assert scene.revisions.history() == ()


async def test_a_stale_decision_is_refused_unless_it_is_forced(scene: Scene) -> None:
    await scene.revisions.push(LAID_OUT, (ANSWER,), base_revision=0)
    with pytest.raises(CharterError, match="revision 1 is live by now"):
        await scene.revisions.push(LAID_OUT, (ANSWER,), base_revision=0)
    assert (await scene.revisions.push(LAID_OUT, (ANSWER,), base_revision=0, force=True)).ok


async def test_a_share_of_the_sessions_is_refused(scene: Scene) -> None:
    with pytest.raises(CharterError, match="nobody tells"):
        await scene.revisions.set_share(0.5)
