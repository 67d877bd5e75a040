"""What Triton's Python backend loads; the model itself is in the package beside it, which Charter
puts there."""

from charter_bls_model.serving import CharterBls as TritonPythonModel

__all__ = ["TritonPythonModel"]
