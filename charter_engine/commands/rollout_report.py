"""How a change rolled through several servers, and what it would change, as they are printed."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE, FAILED, complain, print_json, print_table
from charter_engine.commands.push_report import show_diff, show_watch
from charter_engine.errors import EXIT_CODE

if TYPE_CHECKING:
    from charter_engine.contracts.rollout import FleetDiff, RolloutReport, ServerChange
    from charter_engine.errors import FailureKind


def add_skip_down_option(parser: argparse.ArgumentParser) -> None:
    """`--skip-down`, of commands that change several servers."""
    parser.add_argument(
        "--skip-down",
        action="store_true",
        help="of several servers leave out those that do not answer (default: change none then)",
    )


def show_rollout(report: "RolloutReport", as_json: bool) -> int:
    """Print what a change came to on each server; the exit code it ends with."""
    if as_json:
        print_json(report)
    else:
        print_table(HEADER, [_row(server) for server in report.servers])
        for server in report.servers:
            _show_more(server)
        print(f"{in_words(report)} ({report.elapsed_ms / 1000:.1f} s)")
    for server in report.servers:
        if server.kind is not None and not as_json:
            complain(f"{server.server}: {server.message}", server.remedy)
    return exit_code(report)


HEADER = ("server", "state", "before", "live", "cost")


def in_words(report: "RolloutReport") -> str:
    """What a change came to on all servers together."""
    counts = dict.fromkeys(("changed", "unchanged", "taken back", "left", "down"), 0)
    for server in report.servers:
        counts[server.state] = counts.get(server.state, 0) + 1
    told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if report.failure is None:
        return f"{len(report.servers)} servers: {told}"
    return f"stopped at {report.failure.server}; {len(report.servers)} servers: {told}"


def exit_code(report: "RolloutReport") -> int:
    """0 where it is live on all, else by what failed."""
    if report.ok:
        return DONE
    return code_of([server.kind for server in report.servers])


def code_of(kinds: "list[FailureKind | None]") -> int:
    """What a command ends with by the first thing that failed."""
    return next((EXIT_CODE[kind] for kind in kinds if kind is not None), FAILED)


def show_diffs(found: "FleetDiff", as_json: bool) -> int:
    """Print what a push would change on each server; the exit code it ends with."""
    if as_json:
        print_json(found)
    for server in found.servers:
        if server.diff is None:
            complain(f"{server.server}: {server.message}", server.remedy)
        elif not as_json:
            print(f"{server.server}:")
            show_diff(server.diff, False)
    failures = [server.kind for server in found.servers if server.kind is not None]
    return code_of(list(failures)) if failures else DONE


def _row(server: "ServerChange") -> tuple[str, ...]:
    cost = server.report.diff.cost if server.report is not None else None
    return (server.server, server.state, str(server.before), str(server.revision), cost or "")


def _show_more(server: "ServerChange") -> None:
    if server.report is None:
        return
    for line in server.report.verified:
        print(f"{server.server}: verified: {line}")
    if server.report.watch is not None:
        print(f"{server.server}:")
        show_watch(server.report.watch)
