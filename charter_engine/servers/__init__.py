"""Servers of five kinds: what Charter works with, started or attached to, sampled and given
back."""
