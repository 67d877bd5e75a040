"""Triton's Python backend looks for its model here; the model is
`charter_engine.embedded.engine.llmapi_serving`."""

from charter_engine.embedded.engine.llmapi_serving import LlmapiModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
