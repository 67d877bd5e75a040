"""Which node of an agent the requests of a gateway belong to."""

import msgspec

from charter_engine.contracts.gateway import GatewayExchange, Observer
from charter_engine.gateway.asking import Chat, ChatMessage
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.opening import dialects
from charter_engine.traffic.attribution import Attributed, Attribution, Message


class Attributing:
    """Passes exchanges on to `observe`, with the node that a prompt belongs to by what was sent:
    its text, or its messages and roles. Exchanges of no prompt are passed on as they are."""

    def __init__(self, attribution: Attribution, observe: Observer) -> None:
        self._attribution = attribution
        self._observe = observe
        self._dialects = dialects()

    def __call__(self, exchange: GatewayExchange) -> None:
        dialect = self._dialects.get(exchange.record.route)
        if dialect is None:
            self._observe(exchange)
            return
        found = self._found(dialect, exchange.body)
        record = msgspec.structs.replace(
            exchange.record, node=found.node, unmatched=found.unmatched
        )
        self._observe(GatewayExchange(record, exchange.body, exchange.prompt))

    def _found(self, dialect: Dialect, body: bytes) -> Attributed:
        try:
            prompt = dialect.read(body).prompt
        except GatewayError:
            return Attributed(unmatched="its body cannot be read")
        if isinstance(prompt, Chat):
            return self._attribution.of_messages(map(_message, prompt.messages))
        if isinstance(prompt, str):
            return self._attribution.of_text(prompt)
        return Attributed(unmatched="sent as token ids, which hold no text to compare")


def _message(message: ChatMessage) -> Message:
    return Message(message.role, message.content)
