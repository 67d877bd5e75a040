"""Where `charter-tui` begins: Ctrl-C ends it without a traceback while Python still imports."""

from charter_engine.interrupts import end_at_interrupts, guarded

end_at_interrupts()


def main() -> int:
    """Run `charter-tui`, and give its exit code."""
    from charter_tui.cli import main as run

    return guarded(run)
