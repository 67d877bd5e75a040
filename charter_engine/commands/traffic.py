"""`charter-engine traffic`: what passes through a deployment, by node."""

import argparse
import asyncio
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from charter_engine.commands.deployment import add_deployment_arguments
from charter_engine.commands.miss_report import print_causes
from charter_engine.commands.narration import print_notes
from charter_engine.commands.options import duration
from charter_engine.commands.outcome import DONE, complain, harmless, print_json, print_table
from charter_engine.commands.triton_options import triton_options
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.traffic import (
        NodeTraffic,
        TrafficBatch,
        TrafficRecord,
        TrafficSummary,
    )

HEADER = ("node", "requests", "computed", "reused", "TTFT ms", "p95", "whole ms", "p95", "failed")
UNKNOWN = "-"


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "traffic",
        help="list the requests that passed through a deployment",
        description="What charter_bls tells of the requests it served, whoever sent them: by node, "
        "the most computed prompt tokens first, and why tokens were computed again. Texts are "
        "never told, only hashes of 16 tokens each; `charter-engine explain` shows those of single "
        "requests.",
    )
    parser.add_argument(
        "--follow", action="store_true", help="then show each request as it passes, until Ctrl-C"
    )
    parser.add_argument(
        "--since",
        type=duration,
        metavar="TIME",
        help="what passed in the last TIME, such as 2h or 1h30m, as far as an engine kept it",
    )
    parser.add_argument(
        "--agent",
        default="",
        metavar="PATH",
        help="the agent's source: tells causes by its variables",
    )
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help="write the records here, one a line: a workload for predict, learn and plan",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a TrafficSummary (with --follow: a TrafficRecord a line)",
    )
    add_deployment_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List what passed, or follow what passes."""
    triton = triton_options(args)
    with _opened(args.output) as output:
        if args.follow:
            asyncio.run(_follow(triton, output, args.json))
        else:
            _list(triton, output, args)
    return DONE


def _opened(path: Path | None) -> "AbstractContextManager[BinaryIO | None]":
    """The file that records go to, which must not be there yet. Raises `UsageError`."""
    if path is None:
        return nullcontext()
    try:
        return path.open("xb")
    except FileExistsError:
        raise UsageError(f"{path} exists", remedy="choose another file") from None
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror or error}", remedy="name a file that can be written"
        ) from None


def _list(triton: "TritonOptions", output: BinaryIO | None, args: argparse.Namespace) -> None:
    from charter_engine.api.recent_traffic import overview

    batch, summary = asyncio.run(overview(triton, args.since, args.agent))
    _write(batch, output)
    if args.json:
        print_json(summary)
    else:
        _show(summary)


async def _follow(triton: "TritonOptions", output: BinaryIO | None, as_json: bool) -> None:
    from charter_engine.api import traffic

    async for batch in traffic.follow(triton):
        _write(batch, output)
        if batch.restarted:
            complain("the tap began anew: what was not read before is lost")
        if batch.lost:
            complain(f"{batch.lost:,} requests passed unseen: they came faster than they were read")
        for record in batch.records:
            if as_json:
                sys.stdout.buffer.write(traffic.line(record))
            else:
                print(harmless(_in_words(record)))
        sys.stdout.flush()


def _write(batch: "TrafficBatch", output: BinaryIO | None) -> None:
    from charter_engine.api import traffic

    if output is not None:
        output.writelines(traffic.line(record) for record in batch.records)
        output.flush()


def _show(summary: "TrafficSummary") -> None:
    if not summary.requests:
        print("no request has passed yet")
        return
    print_table(HEADER, [_row(node) for node in summary.nodes])
    for node in summary.nodes:
        for words in _layouts(node):
            print(harmless(words))
    sessions = "1 session" if summary.sessions == 1 else f"{summary.sessions:,} sessions"
    print(f"{summary.requests:,} requests of {sessions}")
    if summary.lost:
        print(f"{summary.lost:,} passed before them and are no longer kept")
    if summary.misses is not None:
        print("\ncomputed again, by cause")
        print_causes(summary.misses)
        print_notes(summary.misses.notes)


def _layouts(node: "NodeTraffic") -> "Iterator[str]":
    """What became of a node's layout; nothing where it has none."""
    if node.laid_out:
        yield f"{node.node}: {node.laid_out:,} of {node.requests:,} prompts laid out as planned"
    for reason, count in sorted(node.layout_reasons.items(), key=lambda item: -item[1]):
        yield f"{node.node}: {count:,} sent as they came: {reason}"


def _row(node: "NodeTraffic") -> tuple[str, ...]:
    return (
        node.node or f"unmatched: {node.unmatched}",
        f"{node.requests:,}",
        _number(node.computed_tokens),
        _number(node.reused_tokens),
        _number(node.ttft_ms_mean),
        _number(node.ttft_ms_p95),
        _number(node.total_ms_mean),
        _number(node.total_ms_p95),
        f"{node.failures:,}" if node.failures else "",
    )


def _in_words(record: "TrafficRecord") -> str:
    """A request in one line."""
    moment = time.strftime("%H:%M:%S", time.localtime(record.at))
    form = f"{record.form}, laid out as planned" if record.laid_out else record.form
    node = f"{record.node} ({form})" if form else record.node
    words = [moment, node or f"unmatched: {record.unmatched}"]
    if record.computed_tokens is not None:
        whole = f"{record.prompt_tokens:,} prompt tokens"
        words.append(f"{record.computed_tokens:,} of {whole} computed")
    if record.ttft_ms is not None:
        words.append(f"first token after {record.ttft_ms:,.0f} ms")
    if record.total_ms is not None:
        words.append(f"whole answer after {record.total_ms:,.0f} ms")
    if record.layout_reason:
        words.append(f"not laid out: {record.layout_reason}")
    return "  ".join([*words, *filter(None, (record.error,))])


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.0f}"
