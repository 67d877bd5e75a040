"""`charter-engine fleet`: how several servers stand, asked themselves, or what they did, read from
a Prometheus that is already there."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.cost_report import number
from charter_engine.commands.deployment import add_deployment_arguments, until_done
from charter_engine.commands.options import duration, positive, server_address
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    TRITON,
    UNKNOWN,
    complain,
    print_json,
    print_table,
)
from charter_engine.commands.triton_options import servers_apart
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.fleet import FleetNow, FleetReport, FleetServer, ServerNow

HEADER = (
    "server",
    "page",
    "up",
    "requests",
    "computed",
    "hit rate",
    "TTFT ms",
    "pool",
    "pool peak",
    "waiting",
    "GPU",
)

NOW_HEADER = (
    "server",
    "state",
    "revision",
    "requests",
    "computed",
    "hit rate",
    "TTFT ms",
    "waiting",
    "pool",
    "changed",
    "differs",
)


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "fleet",
        help="tell how several servers stand and where they differ, or what they did",
        description="Asks the servers that are named: how each stands, what passed through it, "
        "what others changed since its last push (`changed`), and where it is not as the others "
        "(`differs`). With --prometheus no server is asked, but a Prometheus that scrapes "
        "Charter's engines (serve --metrics) or Triton itself. Exit code 1 where a server is down, "
        "was changed or differs; 3 where none answers.",
    )
    parser.add_argument(
        "--prometheus",
        metavar="URL",
        help="read what they did from the Prometheus at this base address",
    )
    parser.add_argument(
        "--prometheus-key",
        metavar="SOURCE",
        help="sent to it as a bearer token; env:VARIABLE or @FILE",
    )
    parser.add_argument(
        "--since", type=duration, default=3_600.0, metavar="DURATION", help="default: 1h"
    )
    parser.add_argument("--job", default="", metavar="NAME", help="only the servers of this job")
    parser.add_argument(
        "--columns",
        type=positive,
        default=120,
        metavar="N",
        help="at most so many figures of each server (default: %(default)s)",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="also write a page with plots")
    parser.add_argument(
        "--json", action="store_true", help="print a FleetNow (with --prometheus: a FleetReport)"
    )
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask the servers, or a Prometheus."""
    if args.prometheus is None:
        return _ask_servers(args)
    if args.triton or args.servers:
        raise UsageError("--prometheus and servers: one of them is asked")
    return _ask_prometheus(args)


def _ask_servers(args: argparse.Namespace) -> int:
    """1 where a server is down or not as the others or as it was pushed, 3 where none answers."""
    from charter_engine.api.fleet_now import fleet_now

    for option, given in (("--html", args.html), ("--job", args.job)):
        if given:
            raise UsageError(f"{option} goes with --prometheus")
    found = until_done(fleet_now(servers_apart(args), args.since))
    if args.json:
        print_json(found)
    else:
        show_now(found)
    if not found.up:
        return TRITON
    well = found.up == len(found.servers) and not found.differences
    return DONE if well and not any(one.drift for one in found.servers) else FAILED


def show_now(found: "FleetNow") -> None:
    """A row a server, their sum, and where they differ."""
    print_table(NOW_HEADER, [_row_now(server, found) for server in found.servers])
    print(sum_in_words(found))
    for server in found.servers:
        reason = server.sample.reason
        if reason:
            print(reason if server.server in reason else f"{server.server}: {reason}")
    if found.differences:
        rows = [(one.server, one.path, one.usual, one.found) for one in found.differences]
        print_table(("differs", "path", "the others", "found"), rows)
    for remedy in dict.fromkeys(one.remedy for one in found.differences):
        print(f"  remedy: {remedy}")


def sum_in_words(found: "FleetNow") -> str:
    """All servers together."""
    totals = [one.total for one in found.servers if one.total is not None]
    prompt = sum(one.prompt_tokens for one in totals)
    computed = sum(one.computed_tokens for one in totals)
    rate = _share(1 - computed / prompt if prompt else None)
    return (
        f"{found.up} of {len(found.servers)} servers are ready; {number(computed)} tokens "
        f"computed, hit rate {rate} (measured, {found.seconds / 60:g} min)"
    )


def _row_now(server: "ServerNow", found: "FleetNow") -> tuple[str, ...]:
    total, pool = server.total, server.sample.kv_pool
    waiting = server.sample.waiting_requests
    return (
        server.server,
        server.sample.health,
        UNKNOWN if server.revision is None else str(server.revision),
        UNKNOWN if total is None else number(total.requests),
        UNKNOWN if total is None else number(total.computed_tokens),
        _share(total.hit_rate if total is not None else None),
        UNKNOWN if total is None or total.ttft_ms is None else f"{total.ttft_ms:,.1f}",
        UNKNOWN if waiting is None else str(waiting),
        _share(pool.used_share if pool else None),
        str(server.drift),
        str(found.differing(server.server)),
    )


def _ask_prometheus(args: argparse.Namespace) -> int:
    """1 where Prometheus knows of no server."""
    from charter_engine.api.credentials import key_of
    from charter_engine.api.fleet import fleet
    from charter_engine.contracts.fleet import FleetRequest

    request = FleetRequest(
        prometheus=server_address("--prometheus", args.prometheus),
        seconds=args.since,
        columns=args.columns,
        job=args.job,
        key=key_of("--prometheus-key", args.prometheus_key),
    )
    found = asyncio.run(fleet(request))
    if args.html is not None:
        from charter_engine.api.output_files import write_output
        from charter_engine.commands.pages.fleet import page_of

        write_output(args.html, page_of(found))
    if args.json:
        print_json(found)
    elif found.servers:
        print_table(HEADER, rows(found))
    if not found.servers:
        complain(
            f"{request.prometheus} knows of no engine and no Triton",
            "scrape `charter-engine serve --metrics` or Triton's metrics port",
        )
    return DONE if found.servers else FAILED


def rows(report: "FleetReport") -> list[tuple[str, ...]]:
    """A row a server, under `HEADER`."""
    return [_row(server) for server in report.servers]


def _row(server: "FleetServer") -> tuple[str, ...]:
    total = server.total
    name = (server.instance, server.kind, {True: "yes", False: "no", None: UNKNOWN}[server.up])
    if total is None:
        return (*name, *([UNKNOWN] * (len(HEADER) - len(name))))
    pool = total.range_of("pool_used")
    return (
        *name,
        number(total.requests),
        number(total.computed_tokens),
        _share(total.hit_rate),
        UNKNOWN if total.ttft_ms is None else f"{total.ttft_ms:,.1f}",
        _share(total.pool_used),
        _share(pool.high if pool else None),
        UNKNOWN if total.waiting is None else f"{total.waiting:,.1f}",
        _share(total.gpu_utilization),
    )


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"
