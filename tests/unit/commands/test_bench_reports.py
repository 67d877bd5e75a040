"""How a benchmark's report reads."""

import re

from msgspec.structs import replace

from charter_engine.commands.bench_report import HEADER, sentences, variant_rows
from charter_engine.commands.pages.bench import page_of
from charter_engine.contracts.benching import (
    BenchReport,
    Drift,
    LeverShare,
    NodeFigures,
    Percentiles,
    VariantReport,
)
from charter_engine.contracts.request_figures import FigureDifference

TIMES = Percentiles(10.0, 20.0, 30.0, 15.0, 3)
BASELINE = VariantReport(
    name="baseline",
    what="",
    reuse=False,
    tokens_per_block=32,
    pool_blocks=64,
    requests=3,
    ttft_ms=TIMES,
    latency_ms=TIMES,
    token_hit_rate=0.0,
)
PLAN = replace(
    BASELINE,
    name="plan",
    reuse=True,
    ttft_ms=Percentiles(4.0, 8.0, 9.0, 6.0, 3),
    token_hit_rate=0.72,
    bound=0.75,
    block_hit_rate=0.7,
    predicted_block_hit_rate=0.7,
    drift=Drift(outputs=3, differing=1, tokens_behind=5),
)
REPORT = BenchReport(
    agent="<agent>.py",
    target="embedded",
    iterations=3,
    items_per_iteration=1,
    inputs="3 sets",
    variants=(BASELINE, PLAN),
    notes=("a & b",),
)


def test_every_row_fits_the_header_and_what_is_not_known_is_a_dash() -> None:
    rows = variant_rows(REPORT)
    assert {len(row) for row in rows} == {len(HEADER)}
    assert rows[0][HEADER.index("bound")] == "-"
    assert rows[1][HEADER.index("bound")] == "75.0%"


def test_the_sentences_say_what_the_plan_gains_and_how_near_its_bound_it_is() -> None:
    text = "\n".join(sentences(REPORT))
    assert "TTFT 60% lower on average, 60% at the median" in text
    assert "96.0% of its bound" in text
    assert "1 of 3 outputs" in text


def test_what_is_paid_comes_first_and_the_verdict_is_in_words() -> None:
    source = replace(BASELINE, name="source", prompt_tokens=1_000, elapsed_ms=10_000.0)
    plan = replace(PLAN, prompt_tokens=1_000, elapsed_ms=14_500.0)
    report = replace(REPORT, variants=(source, plan))
    rows = variant_rows(report)
    assert [row[HEADER.index("computed")] for row in rows] == ["1,000", "280"]
    assert [row[HEADER.index("whole s")] for row in rows] == ["10.00", "14.50"]
    text = "\n".join(sentences(report))
    assert "against source, as written: computes 72 % less, runs 45 % longer: not worth it" in text


def test_what_is_predicted_to_be_computed_stands_beside_the_predicted_rates() -> None:
    plan = replace(PLAN, prompt_tokens=1_000, predicted_token_hit_rate=0.7)
    untold, told = variant_rows(replace(REPORT, variants=(BASELINE, plan)))
    at = HEADER.index("predicted")
    assert told[at : at + 2] == ("70.0%", "300")
    assert untold[at : at + 2] == ("-", "-")


def test_a_lever_is_told_by_what_it_saves_before_its_rate() -> None:
    lever = LeverShare(
        lever="layout", token_hit_rate_gained=0.38, ttft_ms_saved=102.0, whole_ms_saved=-900.0
    )
    text = "\n".join(sentences(replace(REPORT, levers=(lever,))))
    assert "saves - prompt tokens computed, -900 ms of the whole, +102.0 ms of TTFT" in text
    assert text.index("of TTFT") < text.index("+38.0 points of hit rate")


def test_figures_cut_short_say_so() -> None:
    assert "interrupted" in list(sentences(replace(REPORT, complete=False)))[-1]


def test_the_page_holds_its_plots_and_fetches_nothing() -> None:
    measured = replace(PLAN, elapsed_ms=1_000.0, prompt_tokens_per_s=9.0, peak_blocks=2)
    page = page_of(replace(REPORT, variants=(BASELINE, measured)))
    assert page.count("<svg") == 7
    assert not re.search(r"(src|href)=[\"'](?!#)", page)
    assert "<script" not in page


def test_the_page_says_the_verdict_first_and_folds_the_small_print() -> None:
    source = replace(BASELINE, name="source", prompt_tokens=1_000, elapsed_ms=10_000.0)
    plan = replace(PLAN, prompt_tokens=1_000, elapsed_ms=8_000.0)
    page = page_of(replace(REPORT, variants=(source, plan)))
    verdict, first_plot = page.index("computes 72 % less"), page.index("<svg")
    assert verdict < first_plot
    assert 'class="verdict better"' in page
    assert page.index("<details>") > page.rindex("<svg")


def test_the_page_shows_what_a_request_costs_with_intervals_and_its_prompt_before_and_after() -> (
    None
):
    def with_prompt(variant: VariantReport, prompt: str) -> VariantReport:
        node = NodeFigures(
            node="ask", requests=3, token_hit_rate=None, bound=None, ttft_ms=None, example=prompt
        )
        return replace(variant, nodes=(node,))

    computed = FigureDifference(
        figure="computed tokens", before=900.0, after=250.0, difference=-650.0, low=-700, high=-600
    )
    source = with_prompt(replace(BASELINE, name="source"), "Question <1>. Rules.")
    variants = (source, with_prompt(PLAN, "Rules. Question <1>."))
    page = page_of(replace(REPORT, variants=variants, differences=(computed,)))
    assert "-700.0 to -600.0" in page
    assert "<pre>Question &lt;1&gt;. Rules.</pre>" in page
    assert "<pre>Rules. Question &lt;1&gt;.</pre>" in page


def test_the_page_says_what_is_lost_with_each_lever_put_back() -> None:
    lever = LeverShare(
        lever="block_size",
        token_hit_rate_gained=0.125,
        ttft_ms_saved=20.0,
        computed_tokens_saved=1_200.0,
        ttft_p95_ms_saved=35.0,
    )
    page = page_of(replace(REPORT, levers=(lever,)))
    figures = ("-1,200", "–", "-20.0", "-35.0", "+12.5 pt")
    cells = "".join(f"<td>{figure}</td>" for figure in figures)
    assert f">block size</td>{cells}" in page


def test_no_legend_stands_over_the_bars() -> None:
    for figure in page_of(REPORT).split("<figure>")[1:]:
        assert figure.index("</ul>") < figure.index("<svg")
        assert "<ul" not in figure[figure.index("<svg") :]


def test_names_and_notes_stand_in_the_page_as_text() -> None:
    page = page_of(REPORT)
    assert "&lt;agent&gt;.py" in page and "a &amp; b" in page
