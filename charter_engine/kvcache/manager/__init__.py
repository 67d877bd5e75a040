"""The block manager: which blocks a request takes, reuses, stores and gives back."""
