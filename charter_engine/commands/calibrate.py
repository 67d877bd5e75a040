"""`charter-engine calibrate RECORDING`: the latency model fitted to measured requests."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import DONE, print_json, print_table

if TYPE_CHECKING:
    from charter_engine.commands import Subparsers


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "calibrate",
        help="fit the latency model to measured requests",
        description="Fits TTFT and decoding time by least squares. `predict --latency FILE` takes "
        "what --json prints.",
    )
    parser.add_argument(
        "recording", metavar="RECORDING", help="a recording, the JSON of a run, or request records"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit, and tell how far off the fit is."""
    from charter_engine.api.calibrating import calibrate
    from charter_engine.commands.narration import print_notes
    from charter_engine.contracts.learning import CalibrateRequest

    result = calibrate(CalibrateRequest(recording=args.recording))
    print_notes(result.notes)
    fitted = result.calibration
    if args.json:
        print_json(fitted)
        return DONE
    model = fitted.model
    rows = [
        ("overhead ms", f"{model.overhead:.4g}"),
        ("prefill ms per token", f"{model.prefill_per_token:.4g}"),
        ("prefill ms per token and token of context", f"{model.prefill_per_pair:.4g}"),
        ("decode ms per step", f"{model.decode_step:.4g}"),
        ("mean error of TTFT", f"{fitted.ttft_error:.1%}"),
        ("R² of TTFT", f"{fitted.ttft_r2:.3f}"),
    ]
    if fitted.decode_error is not None:
        rows.append(("mean error of decoding", f"{fitted.decode_error:.1%}"))
    print_table((f"fitted to {fitted.requests} requests (measured)", ""), rows)
    return DONE
