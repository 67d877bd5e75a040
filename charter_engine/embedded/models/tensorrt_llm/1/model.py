"""Triton's Python backend looks for its model here; the model itself is
`charter_engine.embedded.engine.serving`."""

from charter_engine.embedded.engine.serving import EngineModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
