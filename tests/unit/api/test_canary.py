"""The corruption canary of several servers."""

from charter_engine.api.canary import AskedServer, together
from charter_engine.contracts.canary import (
    CanaryAlarm,
    CanaryAnswer,
    CanaryPair,
    CanaryReport,
    ServerCanary,
)
from charter_engine.errors import CharterError

PAIR = CanaryPair(reference=CanaryAnswer(), answer=CanaryAnswer())
ALARM = CanaryAlarm(at=1.0, reason="another answer with reuse", pair=PAIR)
WELL = ServerCanary(server="one", report=CanaryReport(state="watching", pairs=3, requests=12))


def test_of_several_servers_counts_are_summed_and_the_worst_state_counts() -> None:
    blind = ServerCanary(server="two", report=CanaryReport(state="blind", reason="no reuse"))
    found = together((WELL, blind, WELL))
    assert (found.state, found.reason, found.pairs) == ("blind", "two: no reuse", 6)


def test_an_alarm_of_one_server_is_one_of_all() -> None:
    alarmed = ServerCanary(server="two", report=CanaryReport(state="alarm", alarm=ALARM))
    assert together((WELL, alarmed)).alarm == ALARM


def test_of_a_single_server_all_is_as_it_tells() -> None:
    assert together((WELL,)) == WELL.report


async def test_a_server_that_stops_answering_keeps_what_is_known_of_it() -> None:
    rounds = iter((CanaryReport(state="watching", pairs=1), CharterError("gone")))

    async def one_round() -> CanaryReport:
        found = next(rounds)
        if isinstance(found, CharterError):
            raise found
        return found

    server = AskedServer("one", None, one_round)
    assert (await server.asked()).message == ""
    found = await server.asked()
    assert (found.report.pairs, found.message) == (1, "gone")


async def test_a_server_that_never_answered_is_not_off() -> None:
    async def one_round() -> CanaryReport:
        raise CharterError("gone", kind="unreachable")

    found = await AskedServer("one", 60.0, one_round).asked()
    assert (found.report.state, found.kind) == ("measuring noise", "unreachable")
