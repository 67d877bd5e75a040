"""What documents say of a benchmark is what was kept of it."""

import re
from pathlib import Path

import pytest
from msgspec import json

from tests.benchmarks.kept import KeptRun, main
from tests.unit.documents.pages import ROOT

KEPT = {
    path.stem: json.decode(path.read_bytes(), type=KeptRun)
    for path in sorted((ROOT / "docs" / "figures").glob("*.json"))
}
each_run = pytest.mark.parametrize("run", KEPT.values(), ids=KEPT)


@each_run
def test_documents_tell_the_figures_that_were_kept(run: KeptRun) -> None:
    assert run.documents
    for document, texts in run.documents.items():
        page = (ROOT / document).read_text("utf-8")
        missing = [text for text in texts if text.format(**run.figures) not in page]
        assert missing == [], document


@each_run
def test_every_figure_that_was_kept_stands_in_a_document(run: KeptRun) -> None:
    texts = "".join("".join(texts) for texts in run.documents.values())
    assert set(run.figures) == set(re.findall(r"\{(\w+)", texts))


@each_run
def test_a_figure_has_a_day_a_machine_versions_and_a_source(run: KeptRun) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", run.date)
    assert run.machine and run.conditions and "charter-kv" in run.versions
    assert run.lines or run.source


def test_a_benchmark_is_kept_as_it_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tests.benchmarks.kept.FOLDER", tmp_path)
    (tmp_path / "bench_small.py").write_text("import sys; print('12 ms', sys.argv[1])")
    kept = tmp_path / "small.json"
    assert main(["bench_small", "--json", str(kept), "--", "quick"]) == 0
    run = json.decode(kept.read_bytes(), type=KeptRun)
    assert run.lines == ("12 ms quick",)
    assert run.benchmark == "tests/benchmarks/bench_small.py quick"
    assert run.versions["python"] and run.machine
    assert "12 ms quick" in capsys.readouterr().out


def test_a_benchmark_that_fails_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.benchmarks.kept.FOLDER", tmp_path)
    (tmp_path / "bench_small.py").write_text("raise SystemExit(3)")
    assert main(["bench_small", "--json", str(tmp_path / "small.json")]) == 3
    assert not (tmp_path / "small.json").exists()
