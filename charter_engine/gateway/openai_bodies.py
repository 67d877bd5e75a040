"""What the bodies of OpenAI's chat and completions have in common."""

from msgspec import Struct

from charter_engine.gateway.bodies import Count, Seed, Share, Temperature, seed_of, stop_of
from charter_engine.triton.request import Sampling


class StreamOptions(Struct, frozen=True):
    include_usage: bool = False


class SampledBody(Struct, frozen=True, kw_only=True):
    """The model, how tokens are chosen, and whether the answer is streamed."""

    model: str
    max_tokens: Count | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Count | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: Seed | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def sampling(self) -> Sampling:
        """How tokens are chosen, as the server takes it."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            seed=seed_of(self.seed),
            stop_words=stop_of(self.stop),
        )

    @property
    def usage_in_stream(self) -> bool:
        """Whether the last event tells the tokens."""
        return self.stream_options is not None and self.stream_options.include_usage
