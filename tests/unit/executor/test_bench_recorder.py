"""What is kept of a run's requests."""

from charter_engine.bls.retention import SegmentRetention
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.plan import SegmentRange
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.executor.bench.recorder import MeasuringTarget
from charter_engine.triton.request import (
    Generated,
    GenerateRequest,
    PromptPart,
)

TOKENIZER = Tokenizer(tokenizer_path())
PARTS = (PromptPart("One two three.", 0), PromptPart(" Four five.", 1))


class Answering:
    """Says the same to everybody and keeps what it was sent."""

    def __init__(self, text: str, output_ids: tuple[int, ...]) -> None:
        self.answer = Generated(text=text, output_ids=output_ids, ttft_ms=1.0, queue_ms=0.25)
        self.sent: list[GenerateRequest] = []

    async def generate(self, request: GenerateRequest) -> Generated:
        self.sent.append(request)
        return self.answer


def request(retention: SegmentRetention | None = None) -> GenerateRequest:
    return GenerateRequest(
        request_id="1", node="ask", parts=PARTS, max_tokens=4, retention=retention
    )


def encoded(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text)[0])


async def test_the_tokens_sent_and_generated_are_kept_with_their_times() -> None:
    recorder = MeasuringTarget(Answering(" and so", encoded(" and so")), TOKENIZER)
    await recorder.generate(request())
    (exchange,) = recorder.exchanges
    assert exchange.served is not None
    assert exchange.served.request.token_ids == encoded("One two three. Four five.")
    assert exchange.served.request.output_ids == encoded(" and so")
    assert exchange.served.begun_ms <= exchange.served.first_token_ms <= exchange.served.ended_ms


async def test_the_prompt_is_kept_as_it_was_sent() -> None:
    recorder = MeasuringTarget(Answering("", ()), None, nonce=lambda: "# 1 ")
    await recorder.generate(request())
    assert recorder.exchanges[0].prompt == "# 1 One two three. Four five."


async def test_text_that_encodes_otherwise_than_it_was_generated_is_drift() -> None:
    apart = (*encoded(" a"), *encoded("nd"))
    assert apart != encoded(" and")
    recorder = MeasuringTarget(Answering(" and", apart), TOKENIZER)
    await recorder.generate(request())
    assert recorder.exchanges[0].drifted == len(apart)


async def test_a_nonce_stands_first_and_retention_counts_it_in() -> None:
    inner = Answering("x", (5,))
    recorder = MeasuringTarget(inner, TOKENIZER, nonce=lambda: "abc\n")
    ranges = (SegmentRange(first=0, last=0, priority=90), SegmentRange(first=1, priority=20))
    await recorder.generate(request(SegmentRetention(ranges=ranges)))
    sent = inner.sent[0]
    assert [part.text for part in sent.parts] == ["abc\n", "One two three.", " Four five."]
    assert isinstance(sent.retention, SegmentRetention)
    assert [(item.first, item.last) for item in sent.retention.ranges] == [(0, 1), (2, None)]


async def test_without_a_tokenizer_only_what_the_server_told_is_kept() -> None:
    recorder = MeasuringTarget(Answering("x", (5,)), None)
    await recorder.generate(request())
    assert recorder.exchanges[0].served is None
