"""What others do to a deployment is noticed whole, and adopted, put back or pushed over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from charter_engine.api import drifting
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Change
from charter_engine.triton.client import TritonClient
from charter_engine.triton.deploy import Deployer
from charter_engine.triton.errors import TritonRefused
from charter_engine.triton.release import BLS_CONFIG, ENGINE_CONFIG
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL
from tests.integration.triton.conftest import Served
from tests.integration.triton.pushing import CALLS, ask, deployer, plan_with

FRACTION = "kv_cache_free_gpu_mem_fraction"
Edit = Callable[[Any], None]


@pytest.fixture
async def ready(served: Served, client: TritonClient) -> AsyncIterator[Deployer]:
    """A deployment on which nobody else has a hand; what a test leaves is put back."""
    found = deployer(client, served.repository)
    if not found.history():
        await found.push(plan_with(60), CALLS)
    yield found
    await found.put_back()
    assert await found.foreign_changes() == ()


async def serve_otherwise(client: TritonClient, model: str, edit: Edit) -> None:
    """Have a model served with another configuration than its file has."""
    config = await client.config(model)
    edit(config)
    await client.load(model, config)


def named(changes: tuple[Change, ...]) -> list[tuple[str, str, str, str]]:
    return [(item.place, item.key, item.old, item.new) for item in changes]


async def test_a_server_that_starts_anew_on_what_was_pushed_has_not_drifted(
    ready: Deployer, client: TritonClient
) -> None:
    for model in (BLS_MODEL, ENGINE_MODEL):
        await client.unload(model)
        await client.load(model)
    assert await ready.foreign_changes() == ()


async def test_any_field_that_is_served_otherwise_is_told_with_both_values(
    ready: Deployer, client: TritonClient
) -> None:
    def more_at_once(config: Any) -> None:
        config.max_batch_size = 8
        config.instance_group[0].count = 2

    await serve_otherwise(client, BLS_MODEL, more_at_once)
    assert named(await ready.foreign_changes()) == [
        (BLS_MODEL, "instance_group[0].count", "1", "2"),
        (BLS_MODEL, "max_batch_size", "none", "8"),
    ]
    with pytest.raises(TritonRefused, match=r"max_batch_size: pushed none, found 8"):
        await ready.push(plan_with(61), CALLS)
    with pytest.raises(TritonRefused, match="this can be no revision"):
        await ready.adopt()


async def test_what_is_put_back_serves_as_it_was_pushed(
    ready: Deployer, client: TritonClient, served: Served
) -> None:
    path = served.repository / ENGINE_CONFIG
    path.write_text(path.read_text().replace('"0.9"', '"0.4"'))
    report = await ready.put_back()
    assert await ready.foreign_changes() == ()
    assert (await ask(client)).revision == report.revision
    assert ready.history()[-1].note == f"revision {report.revision - 1} put back"


async def test_a_model_that_is_gone_is_drift_and_put_back_serves_it_again(
    ready: Deployer, client: TritonClient
) -> None:
    await client.unload(BLS_MODEL)
    (gone,) = await ready.foreign_changes()
    assert (gone.place, gone.key, gone.old) == (BLS_MODEL, "state", "loaded")
    report = await ready.put_back()
    assert (await ask(client)).revision == report.revision


def without_stamp(config: Any) -> None:
    del config.parameters["charter_stamp"]


async def test_a_missing_stamp_is_drift(ready: Deployer, client: TritonClient) -> None:
    await serve_otherwise(client, BLS_MODEL, without_stamp)
    (missing,) = await ready.foreign_changes()
    assert (missing.key, missing.new) == ("parameters.charter_stamp", "none")


async def test_what_runs_meanwhile_hears_of_drift_once_and_of_its_end(
    ready: Deployer, client: TritonClient, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifting, "LOOK_SECONDS", 0.05)
    heard: asyncio.Queue[str] = asyncio.Queue()
    options = TritonOptions(url=served.state.grpc_url)
    async with drifting.told_meanwhile(
        [options], lambda progress: heard.put_nowait(progress.stage)
    ):
        await serve_otherwise(client, BLS_MODEL, without_stamp)
        while "parameters.charter_stamp is none" not in await heard.get():
            pass  # a model that is being loaded may be told, too
        await ready.put_back()
        while "is what was pushed again" not in await heard.get():
            pass


async def test_what_somebody_wrote_into_a_file_is_adopted_as_a_revision(
    ready: Deployer, client: TritonClient, served: Served
) -> None:
    path = served.repository / ENGINE_CONFIG
    path.write_text(f"# tuned by hand\n{path.read_text().replace('0.9', '0.4')}")
    report = await ready.adopt("tuned on call")
    assert report.diff.changes[0].key == f"parameters.{FRACTION}"
    assert await ready.foreign_changes() == ()
    live = await ready.live()
    assert live is not None
    assert (live.number, live.note) == (report.revision, "tuned on call")
    assert live.plan.server.kv_cache_free_gpu_mem_fraction == 0.4
    assert path.read_text().startswith("# tuned by hand")
    assert (await ask(client)).revision == report.revision


async def test_a_setting_that_is_only_served_is_written_down_when_it_is_adopted(
    ready: Deployer, client: TritonClient, served: Served
) -> None:
    def smaller(config: Any) -> None:
        config.parameters[FRACTION].string_value = "0.3"

    await serve_otherwise(client, ENGINE_MODEL, smaller)
    await ready.adopt()
    assert '"0.3"' in (served.repository / ENGINE_CONFIG).read_text()
    assert await ready.foreign_changes() == ()


async def test_a_file_that_is_gone_cannot_be_adopted(ready: Deployer, served: Served) -> None:
    path = served.repository / BLS_CONFIG
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(TritonRefused, match=r"config\.pbtxt file: pushed present, found missing"):
        await ready.adopt()
    path.write_bytes(content)
