"""Faults around a deployment: what was done, what came of it, and what an operator was told.

Each runs on an embedded Triton; "live" is what a request was answered under afterwards.
"""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from charter_engine.embedded.repository import write_embedded_repository
from charter_engine.embedded.server import EmbeddedTriton
from charter_engine.errors import CharterError
from charter_engine.triton import verify
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.release import BLS_CONFIG, BLS_PLAN, ENGINE_CONFIG
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from tests.integration.triton import pushing
from tests.integration.triton.pushing import CALLS, ask, deployer, plan_with

WIDTH = 150
NOT_SERVED = "no charter_bls"
PRIORITIES = itertools.count(80)


@dataclass(frozen=True)
class Deployed:
    """A served repository with a revision live, and how it is pushed to."""

    server: EmbeddedTriton
    client: TritonClient
    repository: Path

    @property
    def deployer(self) -> Deployer:
        return deployer(self.client, self.repository)

    def kill_push_at(self, step: str) -> None:
        command = [sys.executable, "-m", pushing.__name__, self.server.state.grpc_url]
        died = subprocess.run(
            [*command, str(self.repository), str(next(PRIORITIES)), step], check=False
        )
        assert died.returncode == -signal.SIGKILL

    async def serve_otherwise(self, model: str, edit: Callable[[object], None]) -> None:
        config = await self.client.config(model)
        edit(config)
        await self.client.load(model, config)

    async def drift_and_put_back(self) -> str:
        changes = await self.deployer.foreign_changes()
        told = "; ".join(f"{item.place} {item.key}: {item.old} → {item.new}" for item in changes)
        await self.deployer.put_back()
        return told


async def killed_while_writing(deployed: Deployed) -> str:
    deployed.kill_push_at(f"wrote {BLS_CONFIG}")
    return await deployed.deployer.repair()


async def killed_after_the_load(deployed: Deployed) -> str:
    deployed.kill_push_at(f"loaded {BLS_MODEL}")
    return await deployed.deployer.repair()


async def killed_after_the_commit(deployed: Deployed) -> str:
    deployed.kill_push_at("committed")
    return await deployed.deployer.repair()


async def killed_with_its_journal_damaged(deployed: Deployed) -> str:
    deployed.kill_push_at(f"loaded {BLS_MODEL}")
    (deployed.deployer.journal.directory / "pending.json").write_bytes(b"half")
    return "; ".join(await deployed.deployer.repair_journal())


async def live_record_lost(deployed: Deployed) -> str:
    recorded = deployed.deployer.recorded()
    assert recorded is not None
    directory = deployed.deployer.journal.directory / "revisions"
    (directory / f"{recorded.number:06d}.json").write_bytes(b"{")
    return "; ".join(await deployed.deployer.repair_journal())


async def refused_by_the_engine(deployed: Deployed) -> str:
    try:
        await deployed.deployer.push(plan_with(91, max_tokens_in_paged_kv_cache=1), CALLS)
    except CharterError as error:
        return error.message
    return "nothing"


async def model_unloaded(deployed: Deployed) -> str:
    await deployed.client.unload(BLS_MODEL)
    return await deployed.drift_and_put_back()


async def engine_file_edited(deployed: Deployed) -> str:
    path = deployed.repository / ENGINE_CONFIG
    path.write_text(path.read_text().replace('"0.9"', '"0.4"'))
    return await deployed.drift_and_put_back()


async def served_in_more_instances(deployed: Deployed) -> str:
    def more(config: object) -> None:
        config.instance_group[0].count = 2  # type: ignore[attr-defined]

    await deployed.serve_otherwise(BLS_MODEL, more)
    return await deployed.drift_and_put_back()


async def server_killed(deployed: Deployed) -> str:
    os.kill(deployed.server.state.server, signal.SIGKILL)
    await asyncio.sleep(1)
    await verify.wait_until_reachable(deployed.client, 30)
    while await answered_under(deployed) == NOT_SERVED:
        pass
    changes = await deployed.deployer.foreign_changes()
    return f"{deployed.server.state.reason}; {len(changes)} fields differ"


async def uninstalled(deployed: Deployed) -> str:
    return (await deployed.deployer.uninstall()).message


FAULTS: tuple[Callable[[Deployed], Awaitable[str]], ...] = (
    killed_while_writing,
    killed_after_the_load,
    killed_after_the_commit,
    killed_with_its_journal_damaged,
    live_record_lost,
    refused_by_the_engine,
    model_unloaded,
    engine_file_edited,
    served_in_more_instances,
    server_killed,
    uninstalled,
)


async def answered_under(deployed: Deployed) -> str:
    try:
        return f"revision {(await ask(deployed.client)).revision}"
    except CharterError:
        return NOT_SERVED


async def run(directory: Path) -> None:
    os.environ["CHARTER_STATE"] = str(directory / "state")
    repository = write_embedded_repository(directory / "models")
    async with (
        EmbeddedTriton(repository, models=[ENGINE_MODEL, BLS_MODEL]) as server,
        TritonClient(server.state.connection) as client,
    ):
        deployed = Deployed(server, client, repository)
        await deployed.deployer.push(plan_with(70), CALLS)
        assert (repository / BLS_PLAN).is_file()
        print("| fault | live before → after | what was told |\n|---|---|---|")
        for fault in FAULTS:
            before = await answered_under(deployed)
            told = " ".join((await fault(deployed)).split())
            after = await answered_under(deployed)
            print(f"| {fault.__name__.replace('_', ' ')} | {before} → {after} | {told[:WIDTH]} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(Path(directory)))


if __name__ == "__main__":
    main()
