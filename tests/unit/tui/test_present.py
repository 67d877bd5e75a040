"""What the panels and screens say of canned records."""

import dataclasses
import time
from typing import Literal

import pytest
from msgspec.structs import replace

from charter_engine.contracts.fleet import ServerNow
from charter_engine.contracts.gauges import (
    Database,
    Draft,
    Event,
    Fleet,
    Gauge,
    Gpu,
    Nodes,
    Recording,
    Replay,
    Run,
    Runs,
    Triton,
)
from charter_engine.contracts.gpu import GpuStatus
from charter_engine.contracts.graph import Segment
from charter_engine.contracts.live import NodeStats, TritonSample
from charter_engine.contracts.moments import Mistyped
from charter_engine.contracts.plan import NodePlan, SegmentRange
from charter_tui.alerts import Alert, parse_threshold
from charter_tui.present.comparison import comparison_lines
from charter_tui.present.confirmation import (
    leaving_confirmation,
    push_confirmation,
    rollback_confirmation,
)
from charter_tui.present.diff import diff_lines
from charter_tui.present.fleet import difference_lines, fleet_columns, fleet_line, fleet_rows
from charter_tui.present.gpu import gpu_screen_lines, shown_gpus
from charter_tui.present.gpu_plots import GpuHistory
from charter_tui.present.graph_columns import columns_for, named_columns
from charter_tui.present.graph_table import GraphRows, empty_lines, failure_lines, retention_summary
from charter_tui.present.header import banner_lines, title_lines
from charter_tui.present.panels import event_line, memory_lines, run_lines, triton_lines
from charter_tui.present.prompt import map_lines, place, planned_order, segment_lines
from charter_tui.present.replay import replay_lines
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.present.tuning import tuning_rows
from charter_tui.state import NOTHING_MARKED, Link, MarkedStretch, Snapshot, apply_gauges
from charter_tui.trends import Trends, of_all
from tests.tui.fleet_scene import ALIKE, DOWN
from tests.tui.scene import (
    CALLS,
    CHEAP_DRAFT,
    DRAFT,
    ENTITIES,
    GPU,
    HOST,
    LIVE_RUN,
    NO_DRAFT,
    NO_GPU,
    NODES,
    PLAN,
    PROFILE,
    REPLAY,
    REVISIONS,
    RUN,
    RUNS,
    SESSION,
    START,
    TRITON,
    VALIDATED,
)
from tests.tui.work_scene import FAILED, IN_PROGRESS

LIVE = Snapshot(
    link=Link("connected", owned=True), session=SESSION, nodes=NODES, draft=NO_DRAFT, run=RUN
)


def said(lines: tuple[Line, ...]) -> str:
    return "\n".join(text_of(item) for item in lines)


def test_a_row_carries_the_measured_figures_with_their_mark() -> None:
    columns = columns_for(140)
    row = next(item for item in GraphRows().rows(LIVE, columns) if item.key == ENTITIES)
    cells = {column.key: text_of(cell) for column, cell in zip(columns, row.cells, strict=True)}
    assert cells["requests"] == "=12"
    assert cells["computed"] == "=8,446"
    assert cells["blocks"] == "=24/294"
    assert cells["hit"] == "=8.3 %"
    assert cells["ttft"] == "=204 ms"
    assert cells["retention"] == "90 ∞"


def test_the_calls_have_the_figures_of_traffic_or_of_the_run_as_asked_for() -> None:
    seen = NodeStats(node=ENTITIES, requests=99)
    both = dataclasses.replace(LIVE, nodes=replace(NODES, traffic=(seen,)))
    assert not both.shows_traffic
    asked = dataclasses.replace(both, figures_of="traffic")
    assert asked.shown_nodes == (seen,)
    assert dataclasses.replace(asked, figures_of="run").shown_nodes == NODES.nodes


def test_a_row_is_made_anew_only_when_its_figures_changed() -> None:
    rows, columns = GraphRows(), columns_for(80)
    first = rows.rows(LIVE, columns)
    later = replace(NODES, nodes=(replace(NODES.nodes[0], requests=13), *NODES.nodes[1:]))
    second = rows.rows(Snapshot(session=SESSION, nodes=later, draft=NO_DRAFT), columns)
    changed = [old.key for old, new in zip(first, second, strict=True) if old is not new]
    assert changed == [ENTITIES]


def test_a_node_without_requests_shows_dashes() -> None:
    row = GraphRows().rows(LIVE, columns_for(80))[-1]
    assert [text_of(cell) for cell in row.cells[2:6]] == ["–"] * 4


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_columns_fill_the_width_they_have(width: int) -> None:
    columns = columns_for(width)
    assert sum(column.width for column in columns) + len(columns) - 1 == width


def test_columns_by_choice_stand_behind_the_name_as_many_as_find_room() -> None:
    chosen = named_columns("trend, ttft hit trend")
    assert [column.key for column in columns_for(80, chosen)] == ["name", "trend", "ttft", "hit"]
    assert [column.key for column in columns_for(34, chosen)] == ["name", "trend", "ttft"]


def test_a_column_there_is_not_is_told_with_the_nearest_one() -> None:
    with pytest.raises(Mistyped, match="did you mean 'computed'"):
        named_columns("state computd")


def test_the_trend_of_a_group_is_the_mean_of_its_calls_from_the_latest_back() -> None:
    assert of_all([(100.0, 20.0, 10.0), (30.0,), ()]) == (100.0, 20.0, 20.0)
    assert of_all([]) == ()


def test_the_trend_of_a_call_is_drawn_in_its_row() -> None:
    shown = dataclasses.replace(LIVE, trends=Trends(((900.0, 90.0),)))
    rows = GraphRows().rows(shown, columns_for(80, ("trend",)))
    row = next(row for row in rows if row.key == ENTITIES)
    assert text_of(row.cells[1]) == "█▂"


def test_retention_of_several_ranges_shows_the_highest() -> None:
    ranges = (
        SegmentRange(first=0, last=1, priority=90, duration_ms=30_000),
        SegmentRange(first=2, priority=10),
    )
    plan = replace(PLAN, nodes={ENTITIES: NodePlan(retention=ranges)})
    assert retention_summary(plan, ENTITIES).text == "90 30s +1"
    assert retention_summary(plan, VALIDATED).text == "35 ∞"


def test_without_a_gpu_the_reason_and_the_serving_memory_are_told() -> None:
    text = said(memory_lines(Snapshot(gpu=NO_GPU, host=HOST), 80))
    assert "No NVIDIA driver" in text
    assert "=411 MiB resident memory" in text


def test_a_failure_that_takes_more_room_than_there_is_ends_in_an_ellipsis() -> None:
    reason = "the server did not answer and is asked again in two seconds, as it was before"
    failed = replace(NODES.nodes[0], state="failed", reason=reason)
    shown = dataclasses.replace(LIVE, nodes=Nodes((failed, *NODES.nodes[1:])))
    (one,) = failure_lines(shown, 40, 1)
    assert text_of(one).endswith("…")
    first, second = failure_lines(shown, 40, 2)
    assert not text_of(first).endswith("…")
    assert text_of(second).endswith("…")
    assert said(failure_lines(shown, 200, 1)).endswith(reason)


def test_of_calls_that_are_not_shown_no_failure_is_told() -> None:
    failed = replace(NODES.nodes[0], state="failed", reason="the server did not answer")
    assert failure_lines(Snapshot(nodes=Nodes((failed,))), 80) == ()


def test_where_no_agent_is_open_a_key_is_named_only_where_it_opens_one() -> None:
    none = replace(SESSION, agent="", compiled=None, diagnostics=())
    connected = Snapshot(link=Link("connected"), session=replace(none, phase="ready"))
    assert "No agent is open: o opens one." in said(empty_lines(connected, 80))
    locked = dataclasses.replace(connected, locked="This console is read-only.")
    assert "No agent is open." in said(empty_lines(locked, 80))
    starting = dataclasses.replace(connected, session=replace(none, phase="starting Triton"))
    assert "No agent is open yet: starting Triton." in said(empty_lines(starting, 80))


def test_with_a_gpu_its_memory_and_name_are_told() -> None:
    text = said(memory_lines(Snapshot(gpu=GPU, host=HOST), 80))
    assert "=57.0 GiB of =79.6 GiB" in text
    assert "H100" in text


def test_the_kv_pool_is_told_from_the_metrics_page() -> None:
    text = said(triton_lines(Snapshot(triton=TRITON), 80))
    assert "=308 used  =716 free or reusable" in text
    assert "=1,024 blocks of =32 tokens" in text
    assert "=1 active" in text


def test_after_a_run_idle_blocks_that_can_be_reused_are_told_apart_from_free_ones() -> None:
    done = Run(replace(RUN.progress, state="done"))
    shown = Snapshot(triton=TRITON, run=done, nodes=NODES, session=SESSION)
    text = said(triton_lines(shown, 80))
    assert "=308 used  ~568 reusable  ~148 free" in text


def test_what_events_tell_of_idle_blocks_stands_in_the_place_of_a_prediction() -> None:
    done = Run(replace(RUN.progress, state="done"))
    pool = TRITON.sample.kv_pool
    assert pool is not None
    told = Triton(replace(TRITON.sample, kv_pool=replace(pool, held_blocks=908)))
    shown = Snapshot(triton=told, run=done, nodes=NODES, session=SESSION)
    assert "=308 used  =600 reusable  =116 free" in said(triton_lines(shown, 80))


def test_answers_of_the_last_run_fill_blocks_that_can_be_reused() -> None:
    done = Run(replace(RUN.progress, state="done"))
    last = replace(LIVE_RUN, cost=replace(LIVE_RUN.cost, output_tokens=3200))
    shown = Snapshot(triton=TRITON, run=done, nodes=NODES, session=SESSION, runs=Runs((last,)))
    assert "~668 reusable  ~48 free" in said(triton_lines(shown, 80))


def test_what_can_be_reused_is_unknown_before_a_run_has_ended_and_after_a_push() -> None:
    running = Snapshot(triton=TRITON, run=RUN, nodes=NODES, session=SESSION)
    reset = Nodes(tuple(NodeStats(node=stats.node) for stats in NODES.nodes))
    pushed = Snapshot(
        triton=TRITON, run=Run(replace(RUN.progress, state="done")), nodes=reset, session=SESSION
    )
    for shown in (running, pushed):
        assert "free or reusable" in said(triton_lines(shown, 80))


def test_an_unreachable_triton_is_told_with_its_reason() -> None:
    gone = Triton(
        TritonSample(health="unreachable", reason="connection refused", url="127.0.0.1:8000")
    )
    text = said(triton_lines(Snapshot(triton=gone), 80))
    assert "unreachable" in text
    assert "connection refused" in text


def test_a_recording_that_failed_says_why() -> None:
    text = said(run_lines(Snapshot(recording=Recording(path="/x", error="the disk is full")), 80))
    assert "the disk is full" in text


def test_what_the_database_does_not_take_is_named() -> None:
    database = Database(path="/x", unkept=("history", "traffic"))
    assert "not kept: history, traffic" in said(run_lines(Snapshot(database=database), 80))


def test_banners_tell_the_age_of_figures_once_the_engine_is_gone() -> None:
    lost = Snapshot(
        link=Link("lost", "the engine ended; reconnecting", 3), session=SESSION, as_of=START
    )
    text = said(banner_lines(lost, START + 90, 200))
    assert "attempt 3" in text
    assert "1:30 old" in text


def test_the_top_line_tells_how_many_other_consoles_watch() -> None:
    link = Link("connected", owned=True, others=("process 12", "process 13"))
    assert "2 other consoles" in text_of(title_lines(Snapshot(link=link), "graph", "", 80)[1])
    assert "console" not in text_of(title_lines(LIVE, "graph", "", 80)[1])


@pytest.mark.parametrize(
    ("width", "told", "left_out"),
    [
        (90, "revision 3", "nothing"),
        (66, "graph", "revision"),
        (52, "graph", "Charter"),
        (44, "▲ pool: 9", "graph"),
    ],
)
def test_where_the_top_line_is_short_what_must_not_be_overlooked_stays(
    width: int, told: str, left_out: str
) -> None:
    alert = Alert(parse_threshold("pool > 95 %"), START)
    left, right = title_lines(dataclasses.replace(LIVE, alerts=(alert,)), "graph", "", width)
    assert told in text_of(left)
    assert left_out not in text_of(left)
    assert line_width((*left, *right)) < width


def test_a_damaged_recording_is_told() -> None:
    damaged = Snapshot(replay=replace(REPLAY, damaged="2 of 40 blocks can't be read"))
    assert "2 of 40 blocks" in said(banner_lines(damaged, START, 80))


def test_the_measured_reuse_is_laid_over_the_segments_in_order() -> None:
    stats = NodeStats(node="n", requests=2, prompt_tokens=400, told_tokens=400, reused_tokens=120)
    segments = (
        Segment(kind="static", text="a", tokens=50, tokens_label="measured"),
        Segment(kind="static", text="b", tokens=20, tokens_label="measured"),
        Segment(kind="variable", name="document"),
    )
    placed = place(segments, stats)
    assert [item.reused for item in placed] == [1.0, 0.5, 0.0]
    assert placed[2].tokens == 130
    assert placed[2].label == "assumed"


def test_a_prompt_never_measured_is_reused_nowhere() -> None:
    placed = place(CALLS[0].segments, None)
    assert not any(item.reused for item in placed)
    assert "waiting for the first request" in said(map_lines(placed, None, None, 60))
    assert "size unknown" in said(segment_lines(placed, 60))


@pytest.mark.parametrize("width", [1, 2, 3, 20, 79])
def test_the_map_of_a_prompt_is_as_wide_as_it_may_be(width: int) -> None:
    placed = place(CALLS[0].segments, NODES.nodes[0])
    assert line_width(map_lines(placed, NODES.nodes[0], 0.3, width)[0]) == width


def test_segments_are_shown_as_the_plan_sends_them() -> None:
    call = CALLS[1]
    ordered = planned_order(call, NodePlan(layout="prefix-first", order=(0, 3, 1, 2)))
    assert [item.kind for item in ordered] == ["static", "variable", "static", "upstream"]
    appended = planned_order(call, NodePlan(layout="append-only", extends=ENTITIES, order=(1,)))
    assert appended[0].call == ENTITIES
    assert len(appended) == 2


def test_hostile_text_in_a_prompt_stays_text() -> None:
    placed = place((Segment(kind="static", text="\x1b[2Jboom\nnext", tokens=3),), None)
    assert "\x1b" not in said(segment_lines(placed, 40))


def test_the_draft_stands_beside_the_live_setting_with_its_cost() -> None:
    rows = {
        row.key: [text_of(cell) for cell in row.cells]
        for row in tuning_rows(Snapshot(session=SESSION, draft=DRAFT))
    }
    assert rows["server:tokens_per_block"][1:] == ["=32", "16", "engine rebuild"]
    assert rows["server:enable_chunked_context"][1] == "as deployed"
    assert rows["server:kv_cache_free_gpu_mem_fraction"][1] == "=0.9"
    assert rows[f"retention:{VALIDATED}"][1:] == ["35 ∞", "80 30s", "plan reload"]


def test_a_draft_that_names_what_the_server_has_already_changes_nothing() -> None:
    served = replace(PROFILE, parameters={**PROFILE.parameters, "enable_chunked_context": "true"})
    assert DRAFT.plan is not None
    named = replace(DRAFT.plan, server=replace(DRAFT.plan.server, enable_chunked_context=True))
    shown = Snapshot(session=replace(SESSION, profile=served), draft=replace(DRAFT, plan=named))
    rows = {row.key: row for row in tuning_rows(shown)}
    assert text_of(rows["server:enable_chunked_context"].cells[2]) == "·"


def test_measured_live_and_draft_stand_side_by_side() -> None:
    text = said(comparison_lines(Snapshot(session=SESSION, runs=RUNS, draft=DRAFT), 90))
    assert "=4.2 %" in text
    assert "~31.0 %" in text
    assert "~42.0 %" in text
    assert "+11.0 pt" in text


def test_times_of_an_uncalibrated_model_are_assumed() -> None:
    assert DRAFT.predicted
    guess = replace(DRAFT, predicted=replace(DRAFT.predicted, times_label="assumed"))
    assert "?171 ms" in said(comparison_lines(Snapshot(session=SESSION, draft=guess), 90))


def test_the_diff_names_each_change_its_cost_and_what_is_lost() -> None:
    text = said(diff_lines(Snapshot(session=SESSION, draft=DRAFT), 100))
    assert "3 changes to revision 3" in text
    assert "− 32 + 16" in text
    assert text.index("engine rebuild: loses the KV cache") < text.index(
        "plan reload: loses nothing"
    )
    assert "fills four blocks of 16" in text
    assert "▸  ~15,660  ~10.3 s  ~171 ms  ~520 ms    ~3.90  ~42.0 %" in text


def test_a_change_that_is_not_possible_says_why() -> None:
    assert DRAFT.diff
    greyed = replace(
        DRAFT.diff.changes[0], possible=False, reason="the server refuses to load models"
    )
    draft = replace(DRAFT, diff=replace(DRAFT.diff, changes=(greyed,)))
    assert "not possible here: the server refuses" in said(
        diff_lines(Snapshot(session=SESSION, draft=draft), 100)
    )


def test_a_diff_on_an_older_revision_is_marked() -> None:
    newer = Snapshot(session=replace(SESSION, revision=4), draft=DRAFT)
    assert "decided on revision 3, live is 4" in said(diff_lines(newer, 100))


def test_a_refused_edit_is_told_beside_the_draft() -> None:
    refused = Draft(error="48 is not a power of two")
    assert "refused: 48 is not a power of two" in said(diff_lines(Snapshot(draft=refused), 80))


def test_pushes_are_confirmed_by_what_they_lose() -> None:
    assert DRAFT.diff
    assert CHEAP_DRAFT.diff
    assert push_confirmation(CHEAP_DRAFT.diff, PROFILE, "") is None
    dear = push_confirmation(DRAFT.diff, PROFILE)
    assert dear is not None
    assert dear.word == "tensorrt_llm"
    reload = push_confirmation(replace(DRAFT.diff, cost="engine reload"), PROFILE)
    assert reload is not None
    assert not reload.word


def test_the_way_back_is_confirmed_by_the_dearest_step_between() -> None:
    assert rollback_confirmation(REVISIONS, 2, 1, PROFILE) is None
    assert rollback_confirmation(REVISIONS, 3, 1, PROFILE) is not None


def test_leaving_asks_only_where_something_ends() -> None:
    assert leaving_confirmation(LIVE) is not None
    assert (
        leaving_confirmation(Snapshot(link=Link("connected", owned=True), session=SESSION)) is None
    )
    assert leaving_confirmation(Snapshot(link=Link("connected"), session=SESSION, run=RUN)) is None


def told(*gauges: Gauge) -> Snapshot:
    """The screen after these were told one by one."""
    shown = Snapshot()
    for gauge in gauges:
        shown = apply_gauges(shown, [gauge])
    return shown


def test_a_server_that_is_gone_leaves_its_last_figures_with_their_age() -> None:
    gone = Triton(TritonSample(health="unreachable", reason="connection refused"))
    shown = told(
        Gauge(at=START, payload=TRITON),
        Gauge(at=START + 1, payload=gone),
        Gauge(at=START + 75, payload=HOST),
    )
    text = said(triton_lines(shown, 80))
    assert "✗ unreachable" in text
    assert "As of 1:15 ago:" in text
    assert "=308 used" in text
    assert "As of" not in said(triton_lines(told(Gauge(at=START, payload=gone)), 80))


def test_gpus_that_cannot_be_read_leave_their_last_figures_with_their_age() -> None:
    lost = Gpu(GpuStatus(reason="The driver does not answer."))
    shown = told(Gauge(at=START, payload=GPU), Gauge(at=START + 9, payload=lost))
    text = said(memory_lines(shown, 80))
    assert "The driver does not answer. As of 0:09 ago:" in text
    assert "NVIDIA H100" in text


def test_gpus_that_cannot_be_read_stay_on_their_screen_with_their_age() -> None:
    lost = Gpu(GpuStatus(reason="NVML stopped answering."))
    shown = told(
        Gauge(at=START, payload=GPU),
        Gauge(at=START + 9, payload=lost),
        Gauge(at=START + 75, payload=HOST),
    )
    text = said(gpu_screen_lines(shown_gpus(shown), GpuHistory(), 80, 24))
    assert "NVML stopped answering. As of 1:15 ago:" in text
    assert "NVIDIA H100" in text
    never = said(
        gpu_screen_lines(shown_gpus(told(Gauge(at=START, payload=lost))), GpuHistory(), 80, 24)
    )
    assert "As of" not in never


def test_a_driver_that_hangs_does_not_make_old_figures_new() -> None:
    hanging = Gpu(replace(GPU.status, reason="The driver hangs.", stale=True))
    shown = told(Gauge(at=START, payload=GPU), Gauge(at=START + 9, payload=hanging))
    for lines in (
        memory_lines(shown, 80),
        gpu_screen_lines(shown_gpus(shown), GpuHistory(), 80, 24),
    ):
        assert "The driver hangs. As of 0:09 ago:" in said(lines)


def fleet_of(*servers: ServerNow) -> Fleet:
    return Fleet(now=replace(ALIKE.now, servers=servers))


def test_a_server_of_several_that_is_gone_leaves_its_last_figures_with_their_age() -> None:
    one, two = ALIKE.now.servers
    gone = replace(DOWN, server=two.server, sample=replace(DOWN.sample, reason="no answer"))
    shown = told(
        Gauge(at=START, payload=fleet_of(one, two)),
        Gauge(at=START + 5, payload=fleet_of(one, gone)),
        Gauge(at=START + 75, payload=fleet_of(one, gone)),
    )
    columns = fleet_columns(200, fleet_of(one, gone).now)
    _, down = fleet_rows(shown, columns)
    cells = dict(zip((column.key for column in columns), down.cells, strict=True))
    assert text_of(cells["state"]) == "✗ unreachable"
    assert "29.5" in text_of(cells["pool"])
    assert {span.tone for span in cells["pool"]} == {"muted"}
    told_below = said(difference_lines(shown, 100))
    assert f"{two.server}: no answer. Its figures are as of 1:15 ago." in told_below
    assert text_of(fleet_line(shown, 100)).startswith("servers 1 of 2 up")


def test_a_server_that_is_none_of_the_fleet_any_more_is_forgotten() -> None:
    one, two = ALIKE.now.servers
    shown = told(
        Gauge(at=START, payload=fleet_of(one, two)), Gauge(at=START + 5, payload=fleet_of(one))
    )
    assert list(shown.last_servers) == [one.server]


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_time_line_spans_the_width_and_shows_every_marker(width: int) -> None:
    _, bar = replay_lines(REPLAY, width, time.gmtime)
    assert line_width(bar) == width - 1
    assert sum(text_of(bar).count(sign) for sign in "◆✗▲◇") == 3
    assert text_of(bar).count("●") == 1


@pytest.mark.parametrize(
    ("marked", "cells", "words"),
    [
        (MarkedStretch(START + 300, START + 450), 19, "marked 14:18:20–14:20:50"),
        (MarkedStretch(START + 330), 1, "marked 14:18:50–  "),
        (MarkedStretch(START - 90, START - 60), 0, "marked"),
        (NOTHING_MARKED, 0, ""),
    ],
)
def test_the_time_line_shows_what_is_marked(marked: MarkedStretch, cells: int, words: str) -> None:
    controls, bar = replay_lines(REPLAY, 80, time.gmtime, marked=marked)
    assert text_of(bar).count("═") == cells
    assert words in text_of(controls)


def test_a_recording_of_one_moment_has_a_time_line() -> None:
    moment = Replay(path="x", start=START, end=START, position=START)
    assert "●" in text_of(replay_lines(moment, 80, time.gmtime)[1])


def test_leaving_asks_where_it_would_cancel_work() -> None:
    owned = Link("connected", owned=True)
    question = leaving_confirmation(Snapshot(link=owned, session=SESSION, work=IN_PROGRESS))
    assert question is not None
    assert "The work in progress (sweep settings) is cancelled." in question.consequences
    assert leaving_confirmation(Snapshot(link=owned, session=SESSION, work=FAILED)) is None


def test_a_narrow_comparison_leaves_a_column_out_and_cuts_no_figure() -> None:
    snapshot = Snapshot(session=SESSION, draft=DRAFT, runs=RUNS)
    narrow = comparison_lines(snapshot, 58, brief=True)
    (computed,) = (item for item in narrow if text_of(item).startswith("computed tokens"))
    assert line_width(computed) <= 58
    assert text_of(computed).count("~") == 2
    assert "=as written" not in said(narrow)
    assert "=as written" in said(comparison_lines(snapshot, 80))


def test_a_recording_without_an_agents_calls_says_so() -> None:
    session = replace(SESSION, mode="replay", compiled=None, diagnostics=())
    told = said(empty_lines(Snapshot(link=Link("connected"), session=session), 80))
    assert "does not hold the agent's calls" in told


@pytest.mark.parametrize(
    ("level", "told"), [("info", "it ran"), ("warning", "! it ran"), ("error", "✗ it ran")]
)
def test_how_grave_an_event_is_can_be_seen_without_colour(
    level: Literal["info", "warning", "error"], told: str
) -> None:
    event = Event(sequence=1, at=START, kind="run", text="it ran", level=level)
    assert text_of(event_line(event)).endswith(f"run       {told}")
