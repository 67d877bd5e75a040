"""Recordings as CSV, Parquet and OpenMetrics."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest

from charter_engine.api.exports import export
from charter_engine.contracts.exporting import ExportForm, ExportRequest, ExportTable
from tests.unit.store.recorded import BEGIN, record

SECONDS = 60


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recording") / "demo.charter", range(SECONDS))


def exported(recording: Path, form: ExportForm, table: ExportTable = "requests") -> bytes:
    parts: list[bytes] = []
    export(ExportRequest(recording=str(recording), form=form, table=table), parts.append)
    return b"".join(parts)


def test_a_csv_has_a_row_a_request_and_empty_cells_for_what_is_not_known(recording: Path) -> None:
    rows = list(csv.DictReader(exported(recording, "csv").decode().splitlines()))
    assert len(rows) == 2 * SECONDS
    assert {row["node"] for row in rows} == {"A.plan", "A.act"}
    first = rows[0]
    assert int(first["computed_tokens"]) == 100 - int(first["reused_tokens"])
    assert (first["started_at"], first["queue_ms"], first["error"]) == (str(BEGIN), "", "")


def test_a_csv_of_ticks_has_each_second_once(recording: Path) -> None:
    rows = list(csv.DictReader(exported(recording, "csv", "ticks").decode().splitlines()))
    assert [float(row["at"]) for row in rows] == [BEGIN + at + 0.5 for at in range(SECONDS)]


def test_a_parquet_file_has_typed_columns_and_nulls(recording: Path, tmp_path: Path) -> None:
    arro3 = pytest.importorskip("arro3.io")
    path = tmp_path / "requests.parquet"
    path.write_bytes(exported(recording, "parquet"))
    table = arro3.read_parquet(path).read_all()
    assert table.num_rows == 2 * SECONDS
    assert "Int64" in str(table.schema.field("computed_tokens").type)
    assert table.column("node")[0].as_py() == "A.plan"
    assert table.column("queue_ms")[0].as_py() is None


def test_openmetrics_tells_what_a_prometheus_would_have_scraped(recording: Path) -> None:
    lines = exported(recording, "openmetrics").decode().splitlines()
    assert lines[-1] == "# EOF"
    requests = [
        line.split()
        for line in lines
        if line.startswith("charter_engine_requests_total") and 'node="A.act"' in line
    ]
    assert [float(value) for _, value, _ in requests] == [15.0, 30.0, 45.0, 60.0]
    assert [float(at) - BEGIN for _, _, at in requests] == [15.0, 30.0, 45.0, 59.5]
    assert not any("_created" in line for line in lines)


@pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (Debian: apt install prometheus)",
)
def test_prometheus_takes_a_recording_in(recording: Path, tmp_path: Path) -> None:
    page = tmp_path / "recording.om"
    page.write_bytes(exported(recording, "openmetrics"))
    arguments = ["tsdb", "create-blocks-from", "openmetrics", str(page), str(tmp_path / "data")]
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "data").glob("*/index"))
