"""One module a command of `charter-engine`: `register(subparsers)` sets `run=run`; `run(args)`
gives the exit code."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
