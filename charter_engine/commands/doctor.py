"""`charter-engine doctor`: what is wrong and what to do about it, by weight."""

import argparse
from typing import TYPE_CHECKING

from charter_engine.commands.deployment import add_deployment_arguments, until_done
from charter_engine.commands.outcome import DONE, FAILED, print_json
from charter_engine.commands.triton_options import servers_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from charter_engine.commands import Subparsers
    from charter_engine.contracts.advice import DoctorFinding, DoctorReport
    from charter_engine.contracts.connection import TritonOptions


def register(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="tell what is wrong with a deployment and this machine, and what mends it",
        description="Looks at Python, the embedded Triton, NVML and the terminal, and at the "
        "deployment where one is named or up: reuse, retention, the pool, block size, host tier, "
        "counters, drift, restrictions, and what prompts fail to share; of several servers also "
        "where they differ. Changes nothing. Exit code 1 where something is wrong or costly.",
    )
    parser.add_argument("--json", action="store_true", help="print a DoctorReport")
    add_deployment_arguments(parser, several=True)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, and tell by weight what was found."""
    report = _looked_at(servers_apart(args))
    if args.json:
        print_json(report)
    else:
        _show(report)
    heavy = any(one.severity != "worth knowing" for one in report.findings)
    return FAILED if heavy else DONE


def _looked_at(servers: "Sequence[TritonOptions]") -> "DoctorReport":
    from msgspec.structs import replace

    from charter_engine.api import doctor

    machine = doctor.installation()
    if len(servers) > 1:
        return doctor.with_installation(until_done(doctor.deployments(servers)), machine)
    (triton,) = servers
    if not doctor.is_up(triton):
        return replace(
            machine, unknown=("a deployment: none is named with --triton, and none is up",)
        )
    return doctor.with_installation(until_done(doctor.deployment(triton)), machine)


def _show(report: "DoctorReport") -> None:
    print(f"deployment: {report.deployment}" if report.deployment else "this machine")
    for finding in report.findings:
        _show_one(finding)
    if report.sound:
        print(f"sound: {', '.join(report.sound)}")
    for text in report.unknown:
        print(f"not known: {text}")


def _show_one(finding: "DoctorFinding") -> None:
    print(f"{finding.severity}: {finding.message}")
    if finding.evidence:
        print(f"  seen:   {finding.evidence}")
    if finding.remedy:
        print(f"  remedy: {finding.remedy}")
