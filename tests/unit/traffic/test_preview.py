"""What layouts would have made of traffic whose texts are known."""

import pytest

from charter_engine.bls.laying import SEVERAL_WAYS
from charter_engine.bls.plan import AS_PLANNED, AS_WRITTEN, Form, Node, ServedPlan
from charter_engine.bls.rearrangement import Rearrangement
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.preview import PassedPrompt, came_as_written, preview_of
from tests.unit.traffic.records import record

TOKENIZER = Tokenizer(tokenizer_path())
TASK = "\nSummarise the report in one sentence that a child would understand."
NODE = Node(
    "summary",
    (
        Form((TASK, "Report: ", None), (0, 1, 2), AS_PLANNED),
        Form(("Report: ", None, TASK), (1, 2, 0), AS_WRITTEN),
    ),
    rearrangement=Rearrangement((None, None, 1)),
)
PLAN = ServedPlan(nodes={"summary": NODE})
POOL = PoolSettings(gpu_blocks=100, tokens_per_block=4)


def passed(at: float, text: str) -> PassedPrompt:
    ids = TOKENIZER.encode(text)[0]
    return PassedPrompt(at, "", text, tuple(ids), "", (1, 2))


def test_the_hit_rate_that_layouts_would_give_is_predicted_with_examples() -> None:
    prompts = [passed(number, f"Report: number {number}{TASK}") for number in range(5)]
    preview = preview_of(prompts, PLAN, TOKENIZER, POOL)
    assert (preview.requests, preview.matched, preview.laid_out) == (5, 5, 5)
    assert preview.before is not None and preview.after is not None
    assert preview.after.prompt_tokens == pytest.approx(preview.before.prompt_tokens, rel=0.05)
    assert preview.after.computed_tokens < 0.5 * preview.before.computed_tokens
    (example,) = preview.examples
    assert (example.before, example.after) == (
        f"Report: number 0{TASK}",
        f"{TASK}Report: number 0",
    )


def test_what_would_go_on_as_it_came_is_counted_by_its_reason() -> None:
    split = Node(
        "split",
        (
            Form((" and ", None, None), (0, 1, 2), AS_PLANNED),
            Form(("Join: ", None, " and ", None), (3, 1, 0, 2), AS_WRITTEN),
        ),
        rearrangement=Rearrangement((None, 1, 3)),
    )
    prompts = [passed(0, "Join: a and b and c"), passed(1, "Something else")]
    preview = preview_of(prompts, ServedPlan(nodes={"split": split}), TOKENIZER, POOL)
    assert preview.reasons == {SEVERAL_WAYS: 1}
    assert (preview.requests, preview.matched, preview.laid_out) == (2, 1, 0)
    assert preview.before == preview.after


def test_no_traffic_has_no_figures() -> None:
    assert preview_of([], PLAN, TOKENIZER, POOL).before is None


def test_requests_that_came_as_their_source_writes_them_are_counted_without_their_texts() -> None:
    records = [
        record([1], node="summary", form=AS_WRITTEN),
        record([1], node="summary", form=AS_PLANNED),
        record([1], node="other", form=AS_WRITTEN),
    ]
    assert came_as_written(records, {"summary"}) == 1
