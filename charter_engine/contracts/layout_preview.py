"""What layouts would do to the prompts that programs send, shown before they are pushed."""

from typing import Literal

from msgspec import Struct

PreviewSource = Literal["recorded traffic", "the agent's inputs"]


class LayoutFigures(Struct, frozen=True, kw_only=True):
    """What prompts come to by the block manager: predicted, all requests one after another."""

    prompt_tokens: int
    computed_tokens: int
    hit_rate: float


class LayoutExample(Struct, frozen=True, kw_only=True):
    """A prompt as it came and as it would be sent."""

    node: str
    before: str
    after: str


class LayoutPreview(Struct, frozen=True, kw_only=True):
    """Of so many `requests` that were looked at, `matched` are of nodes with a layout for traffic,
    and came as written; `laid_out` of them would be sent as planned, and `reasons` counts why the
    others would not (empty, with `laid_out` None, where their texts are not known).

    `source` says where the prompts are from whose figures and examples these are, `before` and
    `after` of all of them, as if the layouts applied to every session.
    """

    source: PreviewSource
    requests: int
    matched: int
    laid_out: int | None = None
    reasons: dict[str, int] = {}
    before: LayoutFigures | None = None
    after: LayoutFigures | None = None
    examples: tuple[LayoutExample, ...] = ()
    notes: tuple[str, ...] = ()
