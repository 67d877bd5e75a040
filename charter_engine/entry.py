"""Where `charter-engine` begins: Ctrl-C ends it without a traceback while Python still imports."""

import gc

from charter_engine.interrupts import end_at_interrupts, guarded

end_at_interrupts()


def main() -> int:
    """Run `charter-engine`, and give its exit code."""
    from charter_engine.cli import main as run

    try:
        return guarded(run)
    finally:
        # All that is left ends with the process: Python would go through it for garbage as it ends.
        gc.freeze()
