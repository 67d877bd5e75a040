"""What Triton's Python backend loads: `charter_engine.embedded.engine.serving`."""

from charter_engine.embedded.engine.serving import EngineModel as TritonPythonModel

__all__ = ["TritonPythonModel"]
