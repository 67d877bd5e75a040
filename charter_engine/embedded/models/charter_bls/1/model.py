"""What Triton's Python backend loads of `charter_bls`.

The model itself is in the package beside this file, which Charter puts there.
"""

from charter_bls_model.serving import CharterBls as TritonPythonModel

__all__ = ["TritonPythonModel"]
