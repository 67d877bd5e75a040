"""`charter-engine fleet --prometheus URL`: what a fleet did, read from a Prometheus that is already
there."""

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.commands.cost_report import number
from charter_engine.commands.options import duration, positive, server_address
from charter_engine.commands.outcome import DONE, FAILED, UNKNOWN, complain, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers
    from charter_engine.contracts.fleet import FleetReport, FleetServer

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


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "fleet",
        help="tell what a fleet did, read from a Prometheus that is already there",
        description="Asks a Prometheus that scrapes Charter's engines (serve --metrics), or Triton "
        "itself, by range queries: no server is asked. The server that computed the most comes "
        "first.",
    )
    parser.add_argument(
        "--prometheus", required=True, metavar="URL", help="its base address, http:// or https://"
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
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print; 1 where Prometheus knows of no server."""
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
