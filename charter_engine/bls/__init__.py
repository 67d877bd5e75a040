"""What `charter_bls` does, apart from Triton: copied as a package into the model's version
directory.

Only the standard library, numpy and `tokenizers` are used here, and only relative imports: on a
Triton machine there need be no Charter.
"""
