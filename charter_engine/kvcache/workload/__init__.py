"""Workloads: requests with arrival times and content, in columns."""
