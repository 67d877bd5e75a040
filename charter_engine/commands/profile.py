"""`charter-engine profile`: what a server is, which levers act on it, and proofs that they do."""

import argparse
from typing import TYPE_CHECKING, get_args

from charter_engine.commands.deployment import add_deployment_arguments, narrate, until_done
from charter_engine.commands.outcome import (
    DONE,
    FAILED,
    UNKNOWN,
    complain,
    harmless,
    print_json,
    print_table,
)
from charter_engine.commands.triton_options import (
    add_write_option,
    require_writable,
    servers_apart,
    servers_to_change,
)
from charter_engine.contracts.server import KIND_IN_WORDS, Proof
from charter_engine.errors import EXIT_CODE, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.connection import TritonOptions
    from charter_engine.contracts.server import (
        CacheTier,
        ProfileRequest,
        ProofOutcome,
        ServerLever,
        ServerProfile,
        ServerReport,
    )


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "profile",
        help="find out what a server is, and which levers act on it",
        description="Asks which of Triton (engine path or LLM API), trtllm-serve, vLLM and SGLang "
        "answers, what it counts, and where each lever acts, or why it does not. Without --prove "
        "nothing is computed and nothing changes.",
    )
    parser.add_argument(
        "address",
        nargs="?",
        metavar="URL|HOST:PORT",
        help="the server; a Triton by its gRPC port (default: the embedded Triton that is up)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print a ServerReport; of several a NamedReport each",
    )
    parser.add_argument(
        "--key", metavar="SOURCE", help="its API key; env:VARIABLE, @FILE or keyring:SERVICE/USER"
    )
    parser.add_argument(
        "--configuration",
        metavar="FILE",
        help="the YAML that trtllm-serve or the LLM API was started with, for what it hides",
    )
    parser.add_argument(
        "--prove",
        action="append",
        choices=get_args(Proof),
        default=[],
        help="prove that a lever acts, by what the server tells of a few requests; "
        "retention fills the pool; repeatable",
    )
    parser.add_argument(
        "--fill-pool",
        action="store_true",
        help="fill the pool of a server that is not the embedded one, for --prove retention",
    )
    parser.add_argument(
        "--drain",
        action="store_true",
        help="read statistics that trtllm-serve forgets once they are read: any other reader of "
        "them loses these",
    )
    add_write_option(parser)
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask, and tell what was found."""
    from charter_engine.api import server_profiles

    servers = servers_to_change(args) if args.prove else servers_apart(args)
    if args.address is not None and (args.triton or args.servers):
        raise UsageError("an address and --triton: a server is named in one way")
    if args.prove:
        require_writable(args, (args.address,))
    request = _request(args)
    if len(servers) > 1:
        return _run_several(request, servers, args)
    report = until_done(server_profiles.profile(request, servers[0], narrate))
    if args.json:
        print_json(report)
    else:
        _show_report(report)
    return _proved(report, request)


def _run_several(
    request: "ProfileRequest", servers: "Sequence[TritonOptions]", args: argparse.Namespace
) -> int:
    """Each server's profile; one that does not answer is told as that, and the others follow."""
    from charter_engine.api import server_profiles

    found = until_done(server_profiles.profiles(request, servers, narrate))
    if args.json:
        print_json(found)
    for one in found:
        if one.report is None:
            complain(f"{one.server}: {one.message}", one.remedy)
        elif not args.json:
            _show_report(one.report)
            print()
    failures = [one.kind for one in found if one.kind is not None]
    if failures:
        return EXIT_CODE[failures[0]]
    return max(_proved(one.report, request) for one in found if one.report is not None)


def _show_report(report: "ServerReport") -> None:
    _show(report.profile)
    for outcome in report.proofs:
        _show_proof(outcome)


def _proved(report: "ServerReport", request: "ProfileRequest") -> int:
    """0 where everything that was to be proved acts."""
    made = report.proofs[len(report.proofs) - len(request.prove) :]
    for outcome in made:
        if outcome.result != "acts":
            complain(f"{outcome.proof} was not proved: {outcome.result}")
    return DONE if all(outcome.result == "acts" for outcome in made) else FAILED


def _request(args: argparse.Namespace) -> "ProfileRequest":
    from charter_engine.api.credentials import key_of
    from charter_engine.contracts.server import ProfileRequest

    return ProfileRequest(
        address=args.address,
        key=key_of("--key", args.key),
        configuration=args.configuration or "",
        prove=tuple(dict.fromkeys(args.prove)),
        fill_pool=args.fill_pool,
        drain=args.drain,
        tls=args.tls,
        root_certificates=str(args.ca or ""),
    )


def _show(profile: "ServerProfile") -> None:
    for name, value in _facts(profile):
        print(f"{name + ':':<16}{harmless(value)}")
    _show_levers(profile.levers)
    for hidden in profile.hidden:
        print(f"not shown: {hidden.figures}; {hidden.option} shows them")
    if profile.drained:
        print(f"forgotten once read: {', '.join(profile.drained)}; --drain reads them all the same")
    for note in profile.notes:
        print(f"note: {harmless(note)}")


def _facts(profile: "ServerProfile") -> list[tuple[str, str]]:
    counters = profile.counters
    pool = counters.pool
    rate = f"{counters.hit_rate:.1%}" if counters.hit_rate is not None else UNKNOWN
    return [
        ("server", f"{KIND_IN_WORDS[profile.kind]} {profile.version}".rstrip()),
        ("address", profile.address),
        ("model", profile.model or UNKNOWN),
        ("tokenizer", profile.tokenizer or UNKNOWN),
        ("block size", f"{profile.tokens_per_block or UNKNOWN} tokens"),
        ("pool", f"{pool.max_blocks:,} blocks, {pool.used_blocks:,} in use" if pool else UNKNOWN),
        ("tiers", ", ".join(map(_tier, profile.tiers)) or UNKNOWN),
        ("manager", f"{profile.manager} ({profile.manager_evidence})"),
        ("predicted by", f"{profile.rules or UNKNOWN} ({profile.rules_evidence})"),
        (
            "reused",
            f"{_count(counters.reused_tokens)} of {_count(counters.prompt_tokens)} tokens, "
            f"{_count(counters.reused_blocks)} blocks, hit rate {rate} "
            f"({counters.reuse or 'not told'})",
        ),
        ("each request", ", ".join(profile.request_counters) or UNKNOWN),
        ("events", ", ".join(one.published for one in profile.event_endpoints) or UNKNOWN),
    ]


def _tier(tier: "CacheTier") -> str:
    sizes = [
        f"{size:,} {unit}"
        for size, unit in ((tier.blocks, "blocks"), (tier.bytes, "bytes"))
        if size is not None
    ]
    return f"{tier.name} ({' of '.join(sizes)})" if sizes else tier.name


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _show_levers(levers: "tuple[ServerLever, ...]") -> None:
    print_table(
        ("lever", "acts", "cost", "by"),
        (
            (one.name, "yes" if one.acts else "no", one.cost or UNKNOWN, one.where or UNKNOWN)
            for one in levers
        ),
    )
    for lever in levers:
        if not lever.acts:
            print(f"{lever.name}: {lever.reason}")
            if lever.remedy:
                print(f"  remedy: {lever.remedy}")


def _show_proof(outcome: "ProofOutcome") -> None:
    at = "" if outcome.revision is None else f"at revision {outcome.revision}, "
    print(
        f"proof: {outcome.proof} {outcome.result} ({at}{outcome.requests:,} requests, "
        f"{outcome.prompt_tokens:,} prompt tokens)"
    )
    print(f"  {outcome.evidence}")
