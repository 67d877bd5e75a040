"""What Triton's Python backend loads: `charter_engine.embedded.engine.llmapi_serving`."""

from charter_engine.embedded.engine.llmapi_serving import LlmapiModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
