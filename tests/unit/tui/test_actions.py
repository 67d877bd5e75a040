"""The one table of actions: complete, without clashes, and free of the keys multiplexers take."""

import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.dom import DOMNode

from charter_tui.action import Action, Scope
from charter_tui.actions import ACTIONS, in_scope
from charter_tui.app import CharterApp
from charter_tui.locks import refusal
from charter_tui.present.help import help_lines, shown_keys
from charter_tui.present.spans import text_of
from charter_tui.screens.cache import CacheScreen
from charter_tui.screens.deploy import DeployScreen
from charter_tui.screens.findings import FindingsScreen
from charter_tui.screens.fleet import FleetScreen, ServerScreen
from charter_tui.screens.gpu import GpuScreen
from charter_tui.screens.graph import GraphScreen
from charter_tui.screens.history import HistoryScreen
from charter_tui.screens.node import NodeScreen
from charter_tui.screens.recorded import RecordedScreen
from charter_tui.screens.recordings import RecordingsScreen
from charter_tui.screens.request import RequestScreen
from charter_tui.screens.requests import RequestsScreen
from charter_tui.screens.revision import RevisionScreen
from charter_tui.screens.runs import RunsScreen
from charter_tui.screens.series import SeriesScreen
from charter_tui.screens.sessions import SessionsScreen
from charter_tui.screens.sweep import SweepScreen
from charter_tui.screens.tuning import TuningScreen
from charter_tui.screens.work import WorkScreen
from charter_tui.state import Link, Snapshot
from charter_tui.widgets.line_table import LineTable
from tests.tui.scene import REPLAY, SESSION

MANUAL = (Path(__file__).parents[3] / "docs" / "console.md").read_text(encoding="utf-8")
OWNERS: dict[Scope, type[DOMNode]] = {
    "app": CharterApp,
    "replay": CharterApp,
    "table": LineTable,
    "graph": GraphScreen,
    "node": NodeScreen,
    "tuning": TuningScreen,
    "sweep": SweepScreen,
    "history": HistoryScreen,
    "revision": RevisionScreen,
    "deploy": DeployScreen,
    "findings": FindingsScreen,
    "cache": CacheScreen,
    "sessions": SessionsScreen,
    "recordings": RecordingsScreen,
    "recorded": RecordedScreen,
    "gpu": GpuScreen,
    "fleet": FleetScreen,
    "server": ServerScreen,
    "series": SeriesScreen,
    "work": WorkScreen,
    "runs": RunsScreen,
    "requests": RequestsScreen,
    "request": RequestScreen,
}
TAKEN_BY_MULTIPLEXERS = {f"ctrl+{letter}" for letter in "abdkj"}
LIVE = Snapshot(link=Link("connected"), session=SESSION)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_is_a_method_of_what_its_scope_names(action: Action) -> None:
    assert callable(getattr(OWNERS[action.scope], f"action_{action.action.partition('(')[0]}"))


def test_every_action_has_its_own_id() -> None:
    assert max(Counter(action.id for action in ACTIONS).values()) == 1


@pytest.mark.parametrize("scope", sorted(OWNERS.keys() - {"app", "replay", "table"}))
def test_no_two_actions_of_a_screen_share_a_key(scope: Scope) -> None:
    keys = Counter(key for action in in_scope(scope) for key in action.keys.split(","))
    assert max(keys.values()) == 1
    everywhere = Counter(
        key for action in in_scope("app", "replay") for key in action.keys.split(",")
    )
    assert max(everywhere.values()) == 1


@pytest.mark.parametrize("scope", sorted(OWNERS.keys() - {"app", "replay", "table"}))
def test_no_two_keys_in_reach_of_a_screen_are_called_the_same(scope: Scope) -> None:
    labels = Counter(action.label for action in in_scope(scope, "app", "replay", "table"))
    assert max(labels.values()) == 1


def test_no_default_key_is_one_that_multiplexers_take() -> None:
    assert not TAKEN_BY_MULTIPLEXERS & {key for action in ACTIONS for key in action.keys.split(",")}


def test_the_help_names_every_action_of_its_screen_with_the_keys_as_mapped() -> None:
    text = "\n".join(
        text_of(item) for item in help_lines("tuning", {"tuning.push": "f9"}, True, 200)
    )
    for action in in_scope("tuning", "app", "table", "replay"):
        assert action.about in text
        assert "f9" in text if action.id == "tuning.push" else shown_keys(action.keys) in text


def test_read_only_refuses_other_recordings_runs_and_writes_only() -> None:
    locked = dataclasses.replace(LIVE, locked="This console is read-only.")
    assert refusal("write", locked)
    assert refusal("read", locked)
    assert refusal("run", locked)
    assert not refusal("live", locked)
    assert not refusal("view", locked)


def test_a_replay_and_a_lost_engine_refuse_everything_but_looking() -> None:
    for snapshot in (Snapshot(link=Link("connected"), replay=REPLAY), Snapshot(link=Link("lost"))):
        assert refusal("write", snapshot)
        assert refusal("live", snapshot)
        assert not refusal("view", snapshot)


def test_in_a_replay_other_recordings_can_be_looked_at() -> None:
    session = replace(SESSION, mode="replay", read_only=True)
    replaying = Snapshot(link=Link("connected"), session=session, replay=REPLAY)
    assert not refusal("read", replaying)
    assert refusal("read", Snapshot(link=Link("lost"), session=session, replay=REPLAY))


def test_a_frozen_screen_refuses_what_changes_something() -> None:
    frozen = Snapshot(link=Link("connected"), session=SESSION, frozen=REPLAY)
    assert refusal("write", frozen) == "The screen is frozen: space goes on."
    assert not refusal("view", frozen)


@pytest.mark.parametrize("scope", sorted({action.scope for action in ACTIONS}))
def test_every_screen_has_a_help_with_its_keys(scope: Scope) -> None:
    told = "\n".join(text_of(item) for item in help_lines(scope, {}, True, 200))
    for action in ACTIONS:
        if action.scope == scope:
            assert action.about in told


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_the_manual_has_every_action_with_its_keys(action: Action) -> None:
    keys = " ".join(f"`{key}`" for key in shown_keys(action.keys).split())
    assert f"| {keys} | `{action.id}` | {action.about} |" in MANUAL
