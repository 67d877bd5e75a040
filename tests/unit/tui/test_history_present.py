"""The history: a revision opened."""

from charter_engine.contracts.commands import RevisionDetail
from charter_engine.contracts.deploy import Change, Diff
from charter_tui.present.confirmation import live_again_confirmation
from charter_tui.present.history import revision_lines
from charter_tui.present.spans import text_of
from charter_tui.state import Link, Snapshot
from tests.tui.deploy_scene import DRIFTED, MEASURED_REVISIONS
from tests.tui.scene import DRAFT, LIVE_RUN, PROFILE, REVISIONS, RUNS, SESSION, WRITTEN_RUN

LIVE = Snapshot(link=Link("connected"), session=SESSION)


def test_a_revision_opened_tells_what_changed_why_and_what_runs_cost_around_it() -> None:
    assert DRAFT.diff is not None
    detail = RevisionDetail(
        revision=REVISIONS[2],
        diff=DRAFT.diff,
        back=Diff(base_revision=3),
        before=WRITTEN_RUN,
        after=LIVE_RUN,
        verdict=RUNS.verdict,
    )
    text = "\n".join(text_of(line) for line in revision_lines(detail, LIVE, 100))
    assert "Revision 3  live" in text
    assert "reuse on" in text
    assert "tokens_per_block" in text
    assert "=25,290    =18,630    −26 %" in text
    assert "= under it, against before: computes 26 % less" in text
    assert "Making it live again" not in text


def test_the_live_revision_tells_what_others_changed_since_and_what_requests_came_to() -> None:
    detail = RevisionDetail(
        revision=MEASURED_REVISIONS[2], diff=Diff(base_revision=2), back=Diff(base_revision=3)
    )
    drifted = Snapshot(link=Link("connected"), session=DRIFTED)
    told = "\n".join(text_of(line) for line in revision_lines(detail, drifted, 100))
    assert "by      ada@gpu-07" in told
    assert "kv_cache_free_gpu_mem_fraction − 0.9 + 0.4" in told
    rows = [item.split() for item in told.splitlines()]
    assert "before =1,204 =530 =171 ms =1.03 s =2".split() in rows
    assert "under it =1,204 =548 =173 ms =1.04 s =2".split() in rows


def test_what_it_changed_in_its_files_is_told_field_by_field_under_each_file() -> None:
    def changed(place: str, key: str, old: str, new: str) -> Change:
        return Change(place=place, key=key, old=old, new=new, cost="plan reload", loses="")

    place = "charter_bls/1/plan.json"
    files = (
        changed(place, "nodes.entities.layout", "source", "prefix-first"),
        changed(place, "revision", "2", "3"),
        changed("tensorrt_llm/config.pbtxt", "file", "none", "2 kB"),
    )
    detail = RevisionDetail(
        revision=REVISIONS[2],
        diff=Diff(base_revision=2),
        back=Diff(base_revision=3),
        files=files,
    )
    lines = [text_of(line).split() for line in revision_lines(detail, LIVE, 100)]
    at = lines.index(["In", "its", "files"])
    assert lines[at + 1 : at + 6] == [
        [place],
        "nodes.entities.layout − source + prefix-first".split(),
        "revision − 2 + 3".split(),
        ["tensorrt_llm/config.pbtxt"],
        "file − none + 2 kB".split(),
    ]


def test_making_a_revision_live_says_what_is_lost_and_what_is_undone() -> None:
    question = live_again_confirmation(REVISIONS, 3, 1, PROFILE)
    text = " ".join(question.consequences)
    assert "The KV cache is lost" in text
    assert "What revisions 2 and 3 changed is undone." in text
    cheap = live_again_confirmation(REVISIONS[:2], 2, 1, PROFILE)
    assert "nothing is lost" in " ".join(cheap.consequences)
