"""OpenAI's completions of token ids, and the fields beyond OpenAI's that a server may refuse."""

from collections.abc import Mapping
from typing import Any

from charter_engine.contracts.server import KIND_IN_WORDS, ServerKind
from charter_engine.errors import CharterError
from charter_engine.servers.http import Reply, ServerHttp
from charter_engine.servers.protocol import TokenAnswer, TokenRequest

PATH = "/v1/completions"
REFUSED = {400, 422}
LACKING = {404, 405, 501}


class Completions:
    """Asks for completions. A field that was refused once is left out from then on: `refused`."""

    def __init__(self, http: ServerHttp, kind: ServerKind) -> None:
        self._http = http
        self._kind = kind
        self.refused: set[str] = set()

    async def ask(
        self, model: str, request: TokenRequest, fields: Mapping[str, Any]
    ) -> TokenAnswer:
        """Complete a prompt, with `fields` beyond OpenAI's. Raises `CharterError`."""
        body: dict[str, Any] = {
            "model": model,
            "prompt": list(request.token_ids),
            "max_tokens": request.max_tokens,
            "temperature": 0.0,
        }
        sent = {name: value for name, value in fields.items() if name not in self.refused}
        reply = await self._http.post(PATH, body | sent)
        while not reply.ok and (named := self._refused_field(reply, sent)):
            self.refused.add(named)
            del sent[named]
            reply = await self._http.post(PATH, body | sent)
        require_ok(reply, self._http.url + PATH, self._kind)
        return answer_of(reply.document())

    @staticmethod
    def _refused_field(reply: Reply, sent: Mapping[str, Any]) -> str:
        """The field that a refusal names, where it was sent."""
        if reply.status not in REFUSED:
            return ""
        return next((name for name in sent if name in reply.text), "")


def require_ok(reply: Reply, url: str, kind: ServerKind) -> None:
    """Raises `CharterError` for an answer that is none."""
    if reply.ok:
        return
    if reply.status in LACKING:
        raise CharterError(
            f"{url}: this {KIND_IN_WORDS[kind]} answers {reply.status}: its model is reached by "
            "other routes",
            remedy="Charter asks models that complete text",
            kind="refused",
        )
    raise CharterError(f"{url}: {reply.status}: {reply.error}", kind="refused")


def answer_of(document: Mapping[str, Any]) -> TokenAnswer:
    """What a completion says. Reused tokens are None where its usage has no details."""
    usage = document.get("usage") or {}
    details = usage.get("prompt_tokens_details")
    cached = None if details is None else details.get("cached_tokens")
    choices = document.get("choices") or [{}]
    return TokenAnswer(
        output_ids=tuple(choices[0].get("token_ids") or ()),
        prompt_tokens=usage.get("prompt_tokens"),
        reused_tokens=cached,
        reuse=None if cached is None else "measured",
    )
