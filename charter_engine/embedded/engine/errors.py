"""What can go wrong between a caller and the engine."""


class EngineError(Exception):
    """Base of the reference engine's errors; the message is meant for an operator."""


class EngineConfigError(EngineError):
    """An engine directory or a parameter the engine cannot be loaded with."""


class InvalidRequest(EngineError):
    """A request the engine refuses; the text goes to the client."""
