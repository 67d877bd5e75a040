"""The reference, made from the code: `python -m scripts.reference` writes it anew."""
