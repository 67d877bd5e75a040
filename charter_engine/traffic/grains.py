"""What requests hold by grains of 16 tokens, with the answers that other prompts go on from."""

from collections.abc import Sequence
from dataclasses import dataclass

from charter_engine.kvcache.workload.ids import Ints
from charter_engine.traffic.seen import SeenPrompt


@dataclass(frozen=True, eq=False)
class Grains:
    """What a request holds: a hash for each grain of its prompt, and the last `beyond` of them for
    its answer alone. Where there are such, the grain in which the answer begins is the prompt's
    last."""

    hashes: Ints
    beyond: int = 0


def grains_of(prompts: Sequence[SeenPrompt]) -> list[Grains]:
    """The content of each request. An answer is told where some prompt begins with the request's
    prompt and with the answer's first grain; another one is content nobody else has, and the
    prompt's last grain its own, so that an equal prompt with another answer is known as such."""
    continued = _continued(prompts)
    return [_grains(seen, continued) for seen in prompts]


def _continued(prompts: Sequence[SeenPrompt]) -> set[int]:
    """The hashes of the first grains of answers that stand in prompts, too."""
    first = {int(seen.answer_hashes[0]) for seen in prompts if len(seen.answer_hashes)}
    if not first:
        return first
    return {item for seen in prompts for item in first.intersection(seen.hashes.tolist())}


def _grains(seen: SeenPrompt, continued: set[int]) -> Grains:
    answered = seen.answered_hashes
    beyond = len(answered) - len(seen.hashes)
    if beyond <= 0 or int(seen.answer_hashes[0]) not in continued:
        return Grains(seen.hashes)
    return Grains(answered, beyond)
