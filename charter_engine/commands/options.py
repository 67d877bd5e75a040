"""Options that several commands have, and what they give."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, get_args

from charter_engine.contracts.moments import Mistyped, parse_length, parse_seconds
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.plan import Lever
    from charter_engine.contracts.planning import Levers
    from charter_engine.contracts.server import ProfileRequest
    from charter_engine.contracts.workload_files import ReadAs

LEVERS = {
    "layout": "layouts as written",
    "block-size": "the block size as it is",
    "retention": "no retention",
    "groups": "no cache groups",
    "host-tier": "no host memory for blocks",
    "release": "nothing released",
}
"""What a plan can pull, and what stands instead when `--no-LEVER` leaves it alone."""

LARGEST = 2**31 - 1
"""Assumed: nothing that is counted in an option reaches it, and any database holds it."""

BYTES_OF = {"k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def add_lever_options(parser: argparse.ArgumentParser) -> None:
    """`--no-LEVER` for each; `levers_of` reads them."""
    group = parser.add_argument_group("levers left alone, to tell what each is worth")
    for lever, instead in LEVERS.items():
        group.add_argument(f"--no-{lever}", action="store_true", help=instead)


def add_decide_at_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decide-at",
        "--moment",
        choices=("sent", "answered"),
        default="sent",
        help="when next-use decides: with the request, or again once its answer is there, by a "
        "follow-up of one token that charter_bls sends (default: sent)",
    )


def add_reading_options(parser: argparse.ArgumentParser, *, tokenizer: bool = True) -> None:
    """What a workload's file does not say of itself; `read_as` reads them. A command that has a
    tokenizer of its own reads texts with that one."""
    group = parser.add_argument_group("what a workload's file does not say of itself")
    group.add_argument(
        "--block-tokens",
        type=positive,
        metavar="N",
        help="how many tokens each id of its `hash_ids` stands for (default: by its format)",
    )
    group.add_argument(
        "--time-unit",
        choices=("ms", "s"),
        help="what its times count (default: by its format)",
    )
    if tokenizer:
        group.add_argument(
            "--tokenizer",
            metavar="PATH",
            help="for a file of texts: the model's tokenizer.json, or the folder that holds it "
            "(default: the embedded engine's)",
        )


def read_as(args: argparse.Namespace) -> "ReadAs":
    """What `add_reading_options` gives."""
    from charter_engine.contracts.workload_files import ReadAs

    return ReadAs(
        block_tokens=args.block_tokens,
        time_unit=args.time_unit,
        tokenizer=str(args.tokenizer or ""),
    )


def add_dask_option(parser: argparse.ArgumentParser) -> None:
    """`--dask`, for work on many settings."""
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="predict on the workers of this Dask scheduler (tcp://HOST:8786), which is trusted as "
        "this machine is (needs charter-kv[dask])",
    )


def left_alone(args: argparse.Namespace) -> "tuple[Lever, ...]":
    """The levers that the options leave out of a plan."""
    from charter_engine.contracts.plan import Lever

    names: tuple[Lever, ...] = get_args(Lever)
    return tuple(name for name in names if getattr(args, f"no_{name}"))


def levers_of(args: argparse.Namespace) -> "Levers":
    """The levers that the options leave to a plan."""
    from charter_engine.contracts.planning import Levers

    return Levers(
        layout=not args.no_layout,
        block_size=not args.no_block_size,
        retention=not args.no_retention,
        groups=not args.no_groups,
        host_tier=not args.no_host_tier,
        release=not args.no_release,
    )


def add_otlp_option(parser: argparse.ArgumentParser) -> None:
    """`--otlp`; `server_address` checks it."""
    parser.add_argument(
        "--otlp",
        metavar="URL",
        help="send a span for each request and push to this collector of OpenTelemetry, by OTLP "
        "over HTTP (default: what OTEL_EXPORTER_OTLP_ENDPOINT names; needs charter-kv[telemetry])",
    )


def add_server_options(parser: argparse.ArgumentParser) -> "argparse._ArgumentGroup":
    """A server that takes token ids, in place of a Triton; `server_of` reads them."""
    group = parser.add_argument_group("another server")
    group.add_argument(
        "--server",
        metavar="URL",
        help="a vLLM, SGLang or trtllm-serve, which takes token ids, and not a Triton",
    )
    group.add_argument(
        "--server-key",
        metavar="SOURCE",
        help="its API key; env:VARIABLE, @FILE or keyring:SERVICE/USER",
    )
    return group


def add_watched_server_options(parser: argparse.ArgumentParser) -> None:
    """As `add_server_options`, with what is told of a server that is watched."""
    group = add_server_options(parser)
    group.add_argument(
        "--server-configuration",
        metavar="FILE",
        help="the YAML that a trtllm-serve was started with, for what it hides",
    )
    group.add_argument(
        "--drain",
        action="store_true",
        help="read statistics that trtllm-serve forgets once they are read: any other reader of "
        "them loses these",
    )


def server_of(args: argparse.Namespace) -> "ProfileRequest | None":
    """The server that the options name. Raises `UsageError`."""
    from charter_engine.api.credentials import key_of
    from charter_engine.contracts.server import ProfileRequest

    if args.server is None:
        return None
    if args.triton is not None or getattr(args, "servers", None) is not None:
        raise UsageError("--server and --triton or --servers: prompts are sent to one server")
    return ProfileRequest(
        address=server_address("--server", args.server),
        key=key_of("--server-key", args.server_key),
        root_certificates=str(args.ca or ""),
        configuration=getattr(args, "server_configuration", None) or "",
        drain=getattr(args, "drain", False),
    )


def server_address(option: str, given: str) -> str:
    """The address of a server that an option names. Raises `UsageError` for one that is not of
    HTTP."""
    if not given.startswith(("http://", "https://")):
        raise UsageError(f"{option} {given}: not an http:// or https:// address")
    return given


def positive(text: str) -> int:
    """An option's whole number from 1 to `LARGEST`."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    if value > LARGEST:
        raise argparse.ArgumentTypeError(f"a number of {len(text.strip())} digits is too large")
    return value


def size(text: str) -> int:
    """An option's size in bytes: `500k`, `100M`, `2G`, by thousands."""
    number, unit = (text[:-1], text[-1]) if text[-1:] in BYTES_OF else (text, "")
    try:
        count = int(float(number) * BYTES_OF.get(unit, 1))
    except (ValueError, OverflowError):
        count = 0
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 500k, 100M or 2G")
    return count


def duration(text: str) -> float:
    """An option's length of time in seconds: `90`, `60s`, `5m`, `1h30m`."""
    return _typed(parse_length, text)


def span(text: str) -> float:
    """A `duration` that may be nothing: `0s`."""
    return _typed(parse_seconds, text)


def _typed(read: Callable[[str], float], text: str) -> float:
    try:
        return read(text)
    except Mistyped as error:
        raise argparse.ArgumentTypeError(str(error)) from error
