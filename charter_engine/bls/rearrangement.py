"""How the prompt of a node, as its source writes it, becomes the planned one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .checks import list_of, object_of, require, whole


@dataclass(frozen=True)
class Rearrangement:
    """Where the variables of a prompt as written go.

    `fill[k]` is the written piece whose text is the planned piece `k`.
    None where that is fixed text, or comes with the earlier call.

    `extends` names the call that the planned prompt continues ("": none).
    Its prompt and its answer are the first `earlier` planned pieces.
    `same` pairs the written pieces that stand in them already with the planned piece each must
    equal, the answer among them: only then is it that call which this prompt goes on from.
    """

    fill: tuple[int | None, ...]
    extends: str = ""
    earlier: int = 0
    same: tuple[tuple[int, int], ...] = ()

    @property
    def answer(self) -> int:
        """The planned piece that is the earlier call's answer."""
        return self.earlier - 1


def parse_rearrangement(
    raw: Any, place: str, written: Sequence[str | None], planned: Sequence[str | None]
) -> Rearrangement:
    """From JSON, for a prompt of these pieces as written and as planned.

    Every variable must have its place, so that no prompt loses anything. Raises `PlanError`.
    """
    raw = object_of(raw, place)
    fill = tuple(list_of(raw, "fill", place))
    same = tuple(_pair(item, f"{place}.same") for item in list_of(raw, "same", place))
    found = Rearrangement(
        fill=fill,
        extends=str(raw.get("extends") or ""),
        earlier=whole(raw, "earlier", place, 0, most=len(planned)),
        same=same,
    )
    variables = {index for index, text in enumerate(written) if text is None}
    taken = [index for index in fill if index is not None]
    require(
        sorted([*taken, *(index for index, _ in same)]) == sorted(variables),
        place,
        "must give every variable of the prompt as written one place",
    )
    require(len(fill) == len(planned), f"{place}.fill", "must have an entry for each planned piece")
    for index, (source, text) in enumerate(zip(fill, planned, strict=True)):
        open_piece = text is None and index >= found.earlier
        require(
            (source is not None) == open_piece,
            f"{place}.fill",
            f"planned piece {index} must be filled by one thing",
        )
    for _, index in same:
        inside = index < found.earlier and planned[index] is None
        require(inside, f"{place}.same", f"{index} is no variable of the earlier call")
    require(
        bool(found.extends) == bool(found.earlier)
        and (not found.extends or [piece for _, piece in same].count(found.answer) == 1),
        place,
        "a continued prompt must repeat the answer of the call that it continues",
    )
    return found


def _pair(raw: Any, place: str) -> tuple[int, int]:
    fits = isinstance(raw, list) and len(raw) == 2 and all(type(item) is int for item in raw)
    require(fits and min(raw) >= 0, place, "holds pairs of pieces")
    return raw[0], raw[1]
