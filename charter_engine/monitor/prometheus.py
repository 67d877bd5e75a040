"""Range queries of a Prometheus, by its HTTP API
(https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import math
from collections.abc import Mapping
from typing import Self

import aiohttp
import msgspec
from msgspec import Struct

from charter_engine.errors import CharterError, UsageError

ANSWER_SECONDS = 30.0
"""Assumed: Prometheus itself gives a query up after 2 minutes, and an operator sooner."""
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""Assumed: a day by the second of some series has a few MiB."""

Series = Mapping[str, Mapping[float, float]]
"""By instance and epoch second."""


class MatrixSeries(Struct, frozen=True):
    metric: dict[str, str] = {}
    values: list[tuple[float, str]] = []


class MatrixData(Struct, frozen=True):
    result: list[MatrixSeries] = []


class MatrixAnswer(Struct, frozen=True):
    status: str = ""
    error: str = ""
    data: MatrixData = MatrixData()


class Prometheus:
    """An async context manager. `url` is the base address, `key` a bearer token."""

    def __init__(self, url: str, key: str = "") -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session = aiohttp.ClientSession(
            headers=headers, timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def range(self, query: str, begin: float, end: float, step: float) -> Series:
        """What a query gave by instance, every `step` seconds between two epoch seconds; where
        Prometheus has nothing, neither has it. Raises `CharterError`."""
        asked = {"query": query, "start": f"{begin}", "end": f"{end}", "step": f"{step}"}
        try:
            async with self._session.post(f"{self._url}/api/v1/query_range", data=asked) as answer:
                return self._read(await self._whole(answer), answer.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise CharterError(
                f"{self._url} does not answer: {error or 'not in time'}",
                remedy="give --prometheus the base address of a Prometheus",
                kind="unreachable",
            ) from None

    async def _whole(self, answer: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for part in answer.content.iter_any():
            body += part
            if len(body) > MAX_ANSWER_BYTES:
                raise CharterError(
                    f"{self._url} answers more than {MAX_ANSWER_BYTES >> 20} MiB",
                    remedy="ask for a shorter time, or one --job",
                )
        return bytes(body)

    def _read(self, body: bytes, status: int) -> Series:
        if status in (401, 403):
            raise CharterError(
                f"{self._url} refuses: HTTP {status}", remedy="--prometheus-key", kind="refused"
            )
        try:
            told = msgspec.json.decode(body, type=MatrixAnswer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise UsageError(
                f"{self._url} is no Prometheus (HTTP {status})",
                remedy="give --prometheus the base address of one",
            ) from None
        if told.status != "success":
            raise CharterError(f"{self._url}: {told.error or f'HTTP {status}'}", kind="refused")
        return _by_instance(told.data.result)


def _by_instance(result: list[MatrixSeries]) -> Series:
    found: dict[str, dict[float, float]] = {}
    for series in result:
        known = found.setdefault(series.metric.get("instance", ""), {})
        for at, text in series.values:
            try:
                value = float(text)
            except ValueError:
                continue
            if math.isfinite(value):
                known[at] = value
    return found
