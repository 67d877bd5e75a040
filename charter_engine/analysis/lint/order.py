"""Rules on the order of a prompt: what stands before the text that could be shared."""

import re
from collections.abc import Iterator

from charter_engine.analysis.lint.subject import Subject
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.lint import Finding
from charter_engine.prompts.parts import whole

_ATTACHMENT = re.compile(
    r"image|img|photo|picture|screenshot|attachment|audio|video|base64|b64|pdf_bytes", re.IGNORECASE
)


def variable_first(subject: Subject) -> Iterator[Finding]:
    """`variable-before-shared-text` and `attachment-before-text`: the first filling with constant
    text behind it."""
    for call in subject.compiled.calls:
        found = next(_hiding(subject, call), None)
        if found is None:
            continue
        segment, tokens = found
        name = segment.name or segment.expression or segment.kind
        line = segment.line or call.line
        if _ATTACHMENT.search(name) and segment.kind != "upstream":
            yield subject.finding(
                "attachment-before-text",
                line,
                message=f"{name} stands before {tokens} tokens of constant text",
                confidence="uncertain",
                reason="judged by the variable's name",
                node=call.id,
                tokens=tokens,
            )
            continue
        certain = segment.kind != "unknown"
        yield subject.finding(
            "variable-before-shared-text",
            line,
            message=f"{name} stands before {tokens} tokens of constant text "
            "that every call sends alike",
            confidence="certain" if certain else "uncertain",
            reason="" if certain else "what stands there is not known",
            node=call.id,
            tokens=tokens,
            fixable=True,
        )


def _hiding(subject: Subject, call: Call) -> Iterator[tuple[Segment, int]]:
    for index, segment in subject.filled(call):
        tokens = subject.static_tokens_after(call, index)
        if tokens >= subject.least_tokens:
            yield segment, tokens


def short_prefix(subject: Subject) -> Iterator[Finding]:
    """`prefix-shorter-than-block`, for prompts whose constant head cannot fill one block; one that
    grows turn by turn has all turns before in front."""
    for call in subject.compiled.calls:
        head = _constant_head(call)
        is_grown = call.history_limit is None and any(item.each_turn for item in call.segments)
        varies = any(True for _ in subject.filled(call))
        if 0 < head < subject.tokens_per_block and varies and not is_grown:
            yield subject.finding(
                "prefix-shorter-than-block",
                call.segments[0].line or call.line,
                message=f"the constant prefix has {head} tokens, "
                f"a block {subject.tokens_per_block}",
                confidence="uncertain",
                reason="partial reuse may still match it, and token counts may be estimates",
                node=call.id,
                tokens=head,
            )


def _constant_head(call: Call) -> int:
    head = 0
    for segment in whole(call):
        if segment.kind != "static":
            break
        head += segment.tokens or 0
    return head


def chain_not_appended(subject: Subject) -> Iterator[Finding]:
    """`chain-not-appended`: a call that takes an upstream output and repeats what the upstream
    prompt held."""
    by_id = {call.id: call for call in subject.compiled.calls}
    for call in subject.compiled.calls:
        for dependency in call.depends_on:
            upstream = by_id.get(dependency.call)
            if upstream is None or dependency.carried != "data" or upstream is call:
                continue
            repeated = _repeated_inputs(upstream, call)
            if repeated:
                yield subject.finding(
                    "chain-not-appended",
                    call.line,
                    message=f"repeats {', '.join(repeated)} of {upstream.id} "
                    "behind a different beginning",
                    confidence="uncertain",
                    reason="whether the model may see the earlier turns "
                    "is for the author to decide",
                    node=call.id,
                    end_line=call.end_line,
                )
                break


def _repeated_inputs(upstream: Call, call: Call) -> list[str]:
    """Variables both prompts take, in the second behind what both begin with. What turns leave in a
    history is not repeated."""
    earlier, later = (
        [segment for segment in prompt.segments if not segment.each_turn]
        for prompt in (upstream, call)
    )
    alike = 0
    for one, other in zip(earlier, later, strict=False):
        if _content(one) != _content(other):
            break
        alike += 1
    known = {_content(segment) for segment in earlier if segment.kind == "variable"}
    return [
        segment.name or segment.expression
        for segment in later[alike:]
        if segment.kind == "variable" and _content(segment) in known
    ]


def _content(segment: Segment) -> tuple[str, str | None, str]:
    return segment.kind, segment.call, segment.text or segment.expression or segment.name
