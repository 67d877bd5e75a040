"""What both programs end with."""

DONE, FAILED, USAGE, TRITON, INTERRUPTED = 0, 1, 2, 3, 130
"""Taken from custom: 2 is argparse's own for wrong usage, 130 a shell's for what Ctrl-C ended."""
UNREAD = 141
"""Whoever read standard output left: as a shell says of a program that SIGPIPE ended."""
