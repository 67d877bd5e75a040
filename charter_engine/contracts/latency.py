"""How long requests take by a linear model, and how well it fits what was measured."""

from msgspec import Struct

from charter_engine.contracts.figures import Label


class LatencyModel(Struct, frozen=True, kw_only=True):
    """Times in milliseconds.

    Prefill takes `prefill_per_token` for every token computed, and `prefill_per_pair` for every
    token of context each of them attends to. An iteration that decodes takes `decode_step` beside
    the prompts it computes, and `decode_per_context` for every token of context of every request in
    it; no iteration takes less than `least_iteration`, in which the weights are read.
    `onboard_per_token` is the way back from host. `overhead` is paid once a request.
    """

    overhead: float = 0.0
    prefill_per_token: float
    prefill_per_pair: float = 0.0
    decode_step: float = 0.0
    decode_per_context: float = 0.0
    least_iteration: float = 0.0
    onboard_per_token: float = 0.0
    label: Label = "assumed"
    source: str = ""

    def starting_ms(self, onboarded: float) -> float:
        """What a request takes before anything of it is computed."""
        return self.overhead + self.onboard_per_token * onboarded

    def prefill_ms(self, computed: float, reused: float) -> float:
        """Time to compute the last `computed` tokens of a prompt behind `reused` ones, among
        others."""
        return computed * (self.prefill_per_token + self.prefill_per_pair * (reused + computed / 2))

    def first_token_ms(self, prompt: float, reused: float, onboarded: float) -> float:
        """TTFT of a request that is alone."""
        prefill = self.prefill_ms(prompt - reused, reused)
        return self.starting_ms(onboarded) + self.iteration_ms(prefill)

    def iteration_ms(self, prefill: float) -> float:
        """Time of an iteration that computes prompts for that long and decodes nothing."""
        return max(prefill, self.least_iteration)

    def step_ms(self, context: float, prefill: float = 0.0) -> float:
        """Time of an iteration that decodes one token of each of some requests with that much
        context together, and computes prompts for that long."""
        return self.iteration_ms(prefill + self.decode_step) + self.decode_per_context * context


class Calibration(Struct, frozen=True, kw_only=True):
    """A fitted model and how far it is off.

    Errors are means of |fitted - measured| / measured over the requests they were fitted on, times
    of requests that ran side by side being what each would have taken alone; None where no request
    had what is needed.
    """

    model: LatencyModel
    requests: int
    ttft_error: float
    ttft_r2: float
    decode_error: float | None = None
