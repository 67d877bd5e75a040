"""What layouts would have made of the chats and completions that passed a gateway."""

from collections.abc import Iterable, Iterator

from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.gateway.message_layout import BodyLayout
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.opening import dialects
from charter_engine.gateway.prompt_texts import prompt_in
from charter_engine.gateway.traffic_memory import PassedBody
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.traffic.preview import PassedPrompt, PlannedPrompt, preview_by


def preview_of_bodies(
    bodies: Iterable[PassedBody], layout: BodyLayout, model: ServedModel, pool: PoolSettings
) -> LayoutPreview:
    """By the bodies as clients sent them, each laid out as it would be on its way. Blocks."""
    return preview_by(_planned(bodies, layout, model), pool)


def _planned(
    bodies: Iterable[PassedBody], layout: BodyLayout, model: ServedModel
) -> Iterator[tuple[PassedPrompt, PlannedPrompt]]:
    spoken = dialects()
    for passed in bodies:
        came = prompt_in(passed.body, spoken[passed.route], model)
        found = layout.of(passed.body, passed.record.session)
        sent = prompt_in(found.body, spoken[passed.route], model)
        if came is None or sent is None:
            continue
        yield (
            PassedPrompt(
                at=passed.record.at,
                session=passed.record.session,
                text=came.text,
                token_ids=came.token_ids,
                answer="",
                answer_ids=tuple(passed.answer.tolist()),
            ),
            PlannedPrompt(
                found.node,
                sent.token_ids,
                sent.text if found.laid_out else None,
                found.reason,
            ),
        )
