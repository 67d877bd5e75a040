"""Measures what a plan gains: the same work under several variants, side by side on servers of
their own."""
