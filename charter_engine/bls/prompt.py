"""From what a request carries to token ids and the retention of their ranges."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .laying import NOT_TEXT, REFUSED, UNLIKE_ITS_NODE, Laying, LayingOut
from .matching import Match, NodeIndex, known_prefix
from .plan import Node, ServedPlan
from .retention import SegmentRetention, retention_by_tokens, retention_inputs
from .reuse_times import UNMATCHED
from .tokenizer import Tokenizer

LayOut = Callable[[Match, str, str], Laying]
"""What to send for a prompt, by the node found for it, its text, and its session."""


class RequestError(ValueError):
    """A request that cannot be served as asked; the message says what to send instead."""


@dataclass(frozen=True)
class Prompt:
    """A prompt ready for the engine: its tokens, the node it belongs to, and its `retention_*`
    inputs.

    `form` is the shape of the node's prompt in which it came, empty where it has none of them.
    `unmatched` says why it belongs to no node.
    `laying` says what became of its layout, and `token_ends` where its pieces end in the tokens.
    `markup` is that of the node whose form it has.
    """

    token_ids: Sequence[int]
    node: str
    retention: dict[str, list[int]]
    form: str = ""
    unmatched: str = ""
    laying: Laying = field(default_factory=Laying)
    token_ends: Sequence[int] = ()
    markup: int = 0


@dataclass(frozen=True)
class Arrival:
    """A prompt as it came: one of `text`, `segments`, `token_ids`.

    Segments come in source order and are laid out by the plan.
    With `positions`, the planned position of each, they come in the order in which they are sent.
    `known_ids` holds the very tokens of segments that the server itself generated, so that a
    continued prompt meets its own past; it is empty for the others.
    `session` is empty where the client names neither a session nor a run; with `ends_session` its
    client says that this is its last request.
    `agent`, `run` and `source` are what the client says of itself, `request_id` of the request.
    """

    text: str | None = None
    segments: tuple[str, ...] = ()
    positions: tuple[int, ...] = ()
    known_ids: tuple[tuple[int, ...], ...] = ()
    token_ids: Sequence[int] | None = None
    node: str = ""
    retention: SegmentRetention | None = None
    session: str = ""
    ends_session: bool = False
    agent: str = ""
    run: str = ""
    source: str = ""
    request_id: str = ""
    max_tokens: int = 0


class Preparer:
    """Applies a plan to requests. `tokenizer` None: only token ids can be taken.

    `instances` is how many processes serve the model side by side.
    """

    def __init__(self, plan: ServedPlan, tokenizer: Tokenizer | None, instances: int = 1) -> None:
        self.plan = plan
        self.tokenizer = tokenizer
        self._laying_out = [
            LayingOut(plan, instances, markup) for markup in range(len(plan.node_sets))
        ]
        self._index = NodeIndex(node for nodes in plan.node_sets for node in nodes.values())
        self._index_of = {
            name: NodeIndex(nodes[name] for nodes in plan.node_sets if name in nodes)
            for name in plan.nodes
        }

    def prepare(self, arrival: Arrival) -> Prompt:
        """Raises `RequestError` for an unknown node or segments that do not fit it."""
        return self._prepared(
            arrival, lambda match, *sent: self._laying_out[match.node.markup].of(match, *sent)
        )

    def as_it_came(self, arrival: Arrival, refused: Prompt) -> Prompt:
        """The prompt as its client sent it, where the engine refused it laid out."""
        laying = Laying(reason=REFUSED, arm=refused.laying.arm, unit=refused.laying.unit)
        return self._prepared(arrival, lambda *_: laying)

    def _prepared(self, arrival: Arrival, lay: LayOut) -> Prompt:
        node = self._named_node(arrival.node)
        if arrival.token_ids is not None:
            prompt = self._from_tokens(arrival, arrival.token_ids, node)
        elif arrival.segments:
            prompt = self._from_segments(arrival, node)
        else:
            prompt = self._from_text(arrival, node, lay)
        if prompt.node == UNMATCHED:
            return replace(prompt, unmatched=self._why_unmatched(arrival) or prompt.unmatched)
        if self._goes_as_it_came(prompt):
            reason = UNLIKE_ITS_NODE if arrival.text is not None else NOT_TEXT
            return replace(prompt, laying=Laying(reason=reason))
        return prompt

    def _goes_as_it_came(self, prompt: Prompt) -> bool:
        """Whether the prompt has a layout, and was not taken apart to be given it."""
        laid_out = self.plan.node_sets[prompt.markup][prompt.node].rearrangement is not None
        return laid_out and prompt.laying == Laying()

    def answered(
        self, prompt: Prompt, session: str, output_ids: Sequence[int], answer: str
    ) -> None:
        """Remember what later prompts may continue."""
        self._laying_out[prompt.markup].answered(
            prompt.node,
            session,
            prompt.laying,
            prompt.token_ids,
            prompt.token_ends,
            output_ids,
            answer,
        )

    def _why_unmatched(self, arrival: Arrival) -> str:
        if not self.plan.nodes:
            return "no plan with nodes is live"
        if arrival.token_ids is not None:
            return "sent as token ids, which hold no text to compare"
        return "sent as segments without the node's name" if arrival.segments else ""

    def _from_tokens(self, arrival: Arrival, token_ids: Sequence[int], node: Node | None) -> Prompt:
        """Segments are unknown in tokens: only retention over the whole prompt can be honoured."""
        retention = _asked(arrival, node)
        whole = all(item.first == 0 and item.last is None for item in retention.ranges)
        if not whole and arrival.retention is not None:
            raise RequestError(
                "input_ids have no segments: give one retention range over the whole prompt"
            )
        if not whole:
            retention = replace(retention, ranges=())
        asking = replace(arrival, retention=retention)
        return _prompt(token_ids, asking, node, (0,), (len(token_ids),))

    def _from_segments(self, arrival: Arrival, node: Node | None) -> Prompt:
        segments: Sequence[str] = arrival.segments
        positions: Sequence[int] = arrival.positions or range(len(segments))
        if node is not None and not arrival.positions:
            segments = _laid_out(segments, node)
        if len(positions) != len(segments) or len(arrival.known_ids) not in {0, len(segments)}:
            raise RequestError(
                "segments, segment_positions and segment_token_counts must have the same length"
            )
        text = "".join(segments)
        prompt = (
            self._continued(segments, positions, arrival, node)
            if any(arrival.known_ids)
            else self._tokenised(text, arrival, node, positions, _ends(segments))
        )
        match = self._index_of[node.name].find(text) if node else None
        return prompt if match is None else replace(prompt, form=match.form.name)

    def _continued(
        self, segments: Sequence[str], positions: Sequence[int], arrival: Arrival, node: Node | None
    ) -> Prompt:
        """Known tokens stand as they are; each run of text between them is tokenised by itself."""
        token_ids: list[int] = []
        token_ends: list[int] = []
        start = 0
        while start < len(segments):
            known = arrival.known_ids[start]
            if known:
                token_ids += known
                token_ends.append(len(token_ids))
                start += 1
                continue
            stop = start
            while stop < len(segments) and not arrival.known_ids[stop]:
                stop += 1
            run = segments[start:stop]
            ids, ends = self._encode("".join(run), _ends(run), begins_prompt=start == 0)
            token_ends += [len(token_ids) + end for end in ends]
            token_ids += ids
            start = stop
        return _prompt(token_ids, arrival, node, positions, token_ends)

    def _from_text(self, arrival: Arrival, node: Node | None, lay: LayOut) -> Prompt:
        text = arrival.text or ""
        match = (self._index_of[node.name] if node else self._index).find_or_why(text)
        if isinstance(match, Match):
            laying = lay(match, text, arrival.session)
            if laying.texts is not None:
                return self._laid_out(match, laying, laying.texts, arrival)
            positions = match.form.positions
            prompt = self._tokenised(text, arrival, match.node, positions, match.ends)
            return _formed(prompt, match, laying)
        if node is not None:
            # The node is certain and its pieces are not: those of its static prefix are all that
            # can be told apart.
            for form in node.forms:
                prefix = known_prefix(form.pieces, text)
                if prefix:
                    positions = form.positions[: len(prefix) + 1]
                    return self._tokenised(
                        text, arrival, node, positions, (*prefix, len(text))[: len(positions)]
                    )
        prompt = self._tokenised(text, arrival, node, (0,), (len(text),))
        return prompt if node is not None else replace(prompt, unmatched=match)

    def _laid_out(
        self, match: Match, laying: Laying, texts: Sequence[str], arrival: Arrival
    ) -> Prompt:
        """The planned prompt: the tokens of the call it continues stand as they are."""
        node, earlier = match.node, laying.earlier
        positions = node.forms[0].positions
        text = "".join(texts)
        if earlier is None:
            prompt = self._tokenised(text, arrival, node, positions, _ends(texts))
        else:
            own, ends = self._encode(text, _ends(texts), begins_prompt=False)
            length = len(earlier.token_ids)
            prompt = _prompt(
                [*earlier.token_ids.tolist(), *own],
                arrival,
                node,
                positions,
                [*earlier.token_ends, *(length + end for end in ends)],
            )
        return _formed(prompt, match, laying)

    def _tokenised(
        self,
        text: str,
        arrival: Arrival,
        node: Node | None,
        positions: Sequence[int | None],
        ends: Sequence[int],
    ) -> Prompt:
        token_ids, token_ends = self._encode(text, ends)
        if not token_ids:
            raise RequestError("the prompt is empty")
        return _prompt(token_ids, arrival, node, positions, token_ends)

    def _encode(
        self, text: str, ends: Sequence[int], *, begins_prompt: bool = True
    ) -> tuple[list[int], list[int]]:
        if self.tokenizer is None:
            raise RequestError(
                "there is no tokenizer: set the parameter tokenizer_dir, or send input_ids"
            )
        return self.tokenizer.encode(text, ends, begins_prompt=begins_prompt)

    def _named_node(self, name: str) -> Node | None:
        if not name:
            return None
        node = self.plan.nodes.get(name)
        if node is None and self.plan.nodes:
            known = ", ".join(sorted(self.plan.nodes)[:8])
            raise RequestError(
                f"the plan (revision {self.plan.revision}) has no node {name!r}; it has {known}"
            )
        return node


def _asked(arrival: Arrival, node: Node | None) -> SegmentRetention:
    """What the request itself says, else its node's plan, else nothing."""
    return arrival.retention or (node.retention if node else SegmentRetention())


def _prompt(
    token_ids: Sequence[int],
    arrival: Arrival,
    node: Node | None,
    positions: Sequence[int | None],
    token_ends: Sequence[int],
) -> Prompt:
    retention = retention_by_tokens(_asked(arrival, node), positions, token_ends)
    return Prompt(
        token_ids=token_ids,
        node=node.name if node else UNMATCHED,
        retention=retention_inputs(retention, len(token_ids)),
        token_ends=token_ends,
    )


def _formed(prompt: Prompt, match: Match, laying: Laying) -> Prompt:
    """The prompt of a match, and what became of its layout."""
    return replace(prompt, form=match.form.name, laying=laying, markup=match.node.markup)


def _laid_out(segments: Sequence[str], node: Node) -> list[str]:
    if len(segments) != node.segments:
        raise RequestError(
            f"{node.name} has {node.segments} segments and {len(segments)} were sent"
        )
    if node.continues:
        raise RequestError(
            f"{node.name} continues another call's prompt: send segment_positions with its segments"
        )
    return [node.wording.get(index, segments[index]) for index in node.order]


def _ends(segments: Sequence[str]) -> list[int]:
    return list(itertools.accumulate(len(segment) for segment in segments))
