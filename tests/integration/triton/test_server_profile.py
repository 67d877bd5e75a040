"""`charter-engine profile` on a Triton that serves: what it is, and proofs on its own pool."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import msgspec
import pytest

from charter_engine.contracts.server import ServerReport
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.proofs import NEVER_PROVED
from tests.integration.triton.conftest import Served, serving
from tests.integration.triton.pushing import deployer, plan_with

PROGRAM = [sys.executable, "-m", "charter_engine.cli", "profile"]
DONE, USAGE, REFUSED = 0, 2, 3
POOL_TOKENS = 2048


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_state: None) -> Iterator[Served]:
    """With a pool that a few requests fill."""
    parameters = {"max_tokens_in_paged_kv_cache": str(POOL_TOKENS)}
    yield from serving(tmp_path_factory.mktemp("profiled"), parameters=parameters)


def profile(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, check=False, timeout=120)


async def test_a_push_to_a_deployment_that_was_never_proved_says_so(
    served: Served, client: TritonClient
) -> None:
    own = deployer(client, served.repository)
    assert NEVER_PROVED not in (await own.diff(plan_with(70))).notes
    strange = Deployer(replace(own.target, is_embedded=False))
    assert NEVER_PROVED in (await strange.diff(plan_with(70))).notes


def test_a_triton_is_found_by_its_grpc_port_and_its_levers_are_proved_and_kept(
    served: Served,
) -> None:
    address = served.state.grpc_url
    levers = ("reuse", "retention", "release")
    asked = (word for lever in levers for word in ("--prove", lever))
    proved = profile(address, *asked, "--json")
    assert proved.returncode == DONE, proved.stderr
    report = msgspec.json.decode(proved.stdout, type=ServerReport)
    assert (report.profile.kind, report.profile.manager) == ("triton-engine", "V1")
    assert report.profile.rules == "leaf" and report.profile.tokens_per_block == 32
    assert [(item.proof, item.result, item.revision) for item in report.proofs] == [
        ("reuse", "acts", 0),
        ("retention", "acts", 0),
        ("release", "acts", 0),
    ]
    later = msgspec.json.decode(profile(address, "--json").stdout, type=ServerReport)
    assert later.proofs == report.proofs


def test_tritons_http_port_is_told_from_its_grpc_port(served: Served) -> None:
    done = profile(f"127.0.0.1:{served.state.http}")
    assert done.returncode == USAGE and b"gRPC port" in done.stderr
