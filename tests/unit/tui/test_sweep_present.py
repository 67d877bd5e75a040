"""A sweep as a table with a plot."""

from charter_engine.contracts.sweeping import SettingSweep, SweptValue
from charter_tui.present.spans import text_of
from charter_tui.present.sweep import sweep_columns, sweep_rows
from tests.tui.scene import prediction

SWEEP = SettingSweep(
    key="kv_cache_host_memory_bytes",
    values=(
        SweptValue(value="0", predicted=prediction(0.3, 200.0), drafted=True),
        SweptValue(value="1073741824", predicted=prediction(0.6, 120.0)),
    ),
)


def shown(width: int) -> list[dict[str, str]]:
    columns = sweep_columns(width)
    return [
        {column.key: text_of(cell) for column, cell in zip(columns, row.cells, strict=True)}
        for row in sweep_rows(SWEEP, columns)
    ]


def test_the_drafts_value_and_the_shortest_run_are_marked_by_signs() -> None:
    first, second = shown(120)
    assert first["value"] == "▸ 0 B"
    assert second["value"] == "  1.0 GiB ★"


def test_the_bars_are_as_long_as_what_is_computed() -> None:
    first, second = shown(120)
    assert (first["computed"], second["computed"]) == ("~18,900", "~10,800")
    assert first["plot"].count("█") > second["plot"].count("█")


def test_a_wide_table_tells_the_times_beside_the_hit_rate() -> None:
    first, _ = shown(104)
    assert {"ttft", "p95", "rate", "hit"} <= set(first)
    assert "peak" in shown(124)[0]


def test_a_narrow_table_keeps_value_plot_and_time() -> None:
    assert set(shown(78)[0]) == {"value", "computed", "plot", "run", "hit"}
