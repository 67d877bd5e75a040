"""Workloads: requests with arrival times, read from files and held in columns, and the tree their
prompts make."""
