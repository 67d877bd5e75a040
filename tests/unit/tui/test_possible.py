"""What can be done as things stand, and what is said of the rest."""

import dataclasses

import pytest
from msgspec.structs import replace

from charter_engine.contracts.gauges import Run, Runs, Session
from charter_engine.contracts.live import RunProgress
from charter_tui.actions import ACTIONS
from charter_tui.present.possible import CONDITIONS, no_agent, offered, possible, why_not
from charter_tui.present.words import EmptyState
from charter_tui.state import Link, Snapshot
from tests.tui.scene import DRAFT, RUN, RUNS, SESSION
from tests.tui.work_scene import ALL, IN_PROGRESS

NO_AGENT = Snapshot(session=Session(engine_version="0", phase="ready"))
LIVE = Snapshot(session=SESSION)
ENDED = Run(RunProgress(run="r1", state="done"))


def test_every_condition_is_of_an_action() -> None:
    assert CONDITIONS.keys() <= {action.id for action in ACTIONS}


@pytest.mark.parametrize(
    ("action", "without", "with_it"),
    [
        ("app.run_plan", NO_AGENT, LIVE),
        ("app.cancel_run", Snapshot(run=ENDED), Snapshot(run=RUN)),
        ("app.undo", NO_AGENT, LIVE),
        ("graph.edit_retention", NO_AGENT, LIVE),
        ("tuning.propose", NO_AGENT, LIVE),
        ("tuning.push", LIVE, Snapshot(session=SESSION, draft=DRAFT)),
        ("tuning.cancel_work", LIVE, Snapshot(work=IN_PROGRESS)),
        ("work.cancel_work", LIVE, Snapshot(work=IN_PROGRESS)),
        ("work.draft_plan", LIVE, Snapshot(results=ALL)),
        ("runs.repeat", Snapshot(runs=Runs()), Snapshot(runs=RUNS)),
    ],
)
def test_what_would_do_nothing_is_not_offered(
    action: str, without: Snapshot, with_it: Snapshot
) -> None:
    assert why_not(action, without)
    assert not why_not(action, with_it)


def test_a_screen_offers_its_own_actions_and_those_of_the_whole_console() -> None:
    offered = possible("graph", LIVE)
    assert {"graph.sort", "app.run_plan"} <= offered
    assert {action.partition(".")[0] for action in offered} == {"graph", "app"}


def test_what_the_engine_refused_is_told_apart_from_what_is_merely_empty() -> None:
    (empty,) = EmptyState("Nothing yet.").lines(40)
    assert [(span.text, span.tone) for span in empty] == [("Nothing yet.", "muted")]
    refused, more = EmptyState("The database is damaged.", refused=True).lines(22)
    assert [(span.text, span.tone) for span in refused] == [
        ("✗ ", "bad"),
        ("The database is", "bad"),
    ]
    assert more[1].text == "damaged."


def test_words_name_only_the_keys_that_do_something() -> None:
    ways = (("app.run_plan", "r runs"), ("app.undo", "u undoes"), ("app.show_gpu", "8 shows"))
    live = Snapshot(link=Link("connected"), session=SESSION)
    assert offered(live, ways) == "r runs, u undoes, 8 shows"
    assert offered(Snapshot(link=Link("connected")), ways) == "8 shows"
    replayed = replace(SESSION, mode="replay")
    assert offered(Snapshot(link=Link("connected"), session=replayed), ways) == "8 shows"
    assert no_agent(live).text == "No agent is open: o opens one."
    assert no_agent(Snapshot(session=replayed)).text == "No agent is open."
    looking = dataclasses.replace(live, locked="This console is read-only.")
    assert offered(looking, ways) == "8 shows"
    assert no_agent(looking).text == "No agent is open."


def test_why_a_key_does_nothing_names_no_key_that_does_nothing_either() -> None:
    alone = Snapshot(link=Link("connected"), session=SESSION, runs=Runs())
    assert why_not("runs.repeat", alone) == "There is no run yet: r makes one."
    looking = dataclasses.replace(alone, locked="This console is read-only.")
    assert why_not("runs.repeat", looking) == "There is no run yet."
