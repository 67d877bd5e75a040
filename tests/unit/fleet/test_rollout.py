"""Which server is next, when a change stops, and what is taken back."""

from msgspec.structs import replace

from charter_engine.contracts.deploy import Diff, PushReport, WatchReport
from charter_engine.contracts.rollout import ServerChange
from charter_engine.errors import CharterError
from charter_engine.fleet import rollout
from charter_engine.fleet.rollout import Rollout

NAMES = ("one", "two", "three")
WAITING = Rollout.of(ServerChange(server=name) for name in NAMES)


def report(before: int, after: int, *, ok: bool = True) -> PushReport:
    return PushReport(ok=ok, revision=after, diff=Diff(base_revision=before), elapsed_ms=1.0)


def pushed(name: str) -> ServerChange:
    return rollout.changed(ServerChange(server=name), report(3, 4))


def refused(name: str) -> ServerChange:
    return rollout.failed(ServerChange(server=name), CharterError("no", kind="refused"))


def test_servers_are_changed_in_their_order() -> None:
    assert WAITING.next == ServerChange(server="one")
    assert WAITING.after(pushed("one")).next == ServerChange(server="two")


def test_it_is_over_where_every_server_was_changed() -> None:
    done = WAITING
    for name in NAMES:
        done = done.after(pushed(name))
    assert (done.next, done.ok, done.to_take_back) == (None, True, ())


def test_it_goes_no_further_than_a_server_that_fails() -> None:
    assert WAITING.after(pushed("one")).after(refused("two")).next is None


def test_what_was_changed_is_taken_back_the_last_one_first() -> None:
    failed = WAITING.after(pushed("one")).after(pushed("two")).after(refused("three"))
    assert [one.server for one in failed.to_take_back] == ["two", "one"]
    assert not failed.ok


def test_nothing_is_taken_back_where_nothing_was_changed() -> None:
    same = rollout.changed(ServerChange(server="one"), report(4, 4))
    failed = WAITING.after(same).after(refused("two"))
    assert (same.state, failed.to_take_back) == ("unchanged", ())


def test_a_server_that_is_down_and_left_out_fails_nothing() -> None:
    done = WAITING.after(ServerChange(server="one", state="down"))
    assert done.next == ServerChange(server="two")
    assert done.after(pushed("two")).after(pushed("three")).ok


def test_a_change_that_reached_no_server_is_none() -> None:
    down = Rollout.of(ServerChange(server=name, state="down") for name in NAMES)
    assert (down.next, down.ok) == (None, False)


def test_a_push_that_its_watch_took_back_stops_the_others() -> None:
    outcome = rollout.changed(ServerChange(server="one"), report(3, 5, ok=False))
    assert (outcome.state, outcome.kind) == ("failed", "failed")


def test_a_push_that_somebody_replaced_stops_and_is_not_taken_back() -> None:
    watch = WatchReport(outcome="replaced", seconds=1.0, margin=0.05, error_rate=0.05)
    outcome = rollout.changed(ServerChange(server="one"), replace(report(3, 4), watch=watch))
    stopped = WAITING.after(outcome)
    assert (outcome.kind, stopped.next, stopped.to_take_back) == ("stale", None, ())


def test_what_was_taken_back_says_what_is_live_and_what_was_not_says_why() -> None:
    back = rollout.taken_back(pushed("one"), report(4, 5))
    kept = rollout.left(pushed("one"), CharterError("revision 6 is live", kind="stale"))
    assert (back.state, back.message) == (
        "taken back",
        "revision 3 is live again, as revision 5",
    )
    assert (kept.state, kept.message) == ("left", "not taken back: revision 6 is live")


def test_a_change_without_a_way_back_stops_and_leaves_what_was_done() -> None:
    waiting = Rollout.of(WAITING.servers, takes_back=False)
    stopped = waiting.after(pushed("one")).after(refused("two"))
    assert (stopped.next, stopped.to_take_back, stopped.ok) == (None, (), False)
