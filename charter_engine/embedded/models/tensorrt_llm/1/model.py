"""What Triton's Python backend loads: `charter_engine.embedded.engine.serving`."""

from charter_engine.embedded.engine.serving import TritonPythonModel

__all__ = ["TritonPythonModel"]
