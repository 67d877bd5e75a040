"""What is known of a request's misses as the record that is shown."""

from charter_engine.contracts.explaining import Divergence, MissCost, MissExplanation
from charter_engine.traffic.causes.table import without_words
from charter_engine.traffic.differences import Text, difference_of
from charter_engine.traffic.following import Following
from charter_engine.traffic.misses import Miss
from charter_engine.traffic.words import word_diff

TEXT_UNKNOWN = "its text is not known: only hashes of 16 tokens each are"
TEXT_LEFT_OUT = "its words are left out"


def explanation_of(
    miss: Miss, cost: MissCost | None = None, text: Text | None = None
) -> MissExplanation:
    """The record; without `text` it holds no words."""
    seen = miss.seen
    followed = miss.following
    exact = followed is not None and followed.exact
    return MissExplanation(
        request=seen.request,
        at=seen.at,
        session=seen.session,
        node=seen.node,
        prompt_tokens=seen.prompt_tokens,
        parts=miss.parts,
        reused_label="measured" if seen.reused is not None else "predicted",
        predicted_reused=miss.facts.predicted,
        diverged_label=miss.diverged_label,
        divergence=_divergence(followed, text) if followed and followed.leaves else None,
        cause=without_words(miss.cause) if exact and text is None else miss.cause,
        cost=cost,
    )


def _divergence(followed: Following, text: Text | None) -> Divergence:
    difference = difference_of(followed, text)
    unseen = TEXT_LEFT_OUT if followed.exact and text is None else TEXT_UNKNOWN
    return Divergence(
        token=followed.common,
        exact=followed.exact,
        followed=followed.earlier.request,
        followed_at=followed.earlier.at,
        followed_tokens=followed.earlier.prompt_tokens,
        same_session=followed.same_session,
        words=word_diff(difference.head, difference.stood, difference.stands) if difference else (),
        no_words="" if difference else unseen,
    )
