"""What both programs make of the words of their command line before they read them."""

import re
from collections.abc import Sequence

_BELOW_NOUGHT = re.compile(r"-\.?\d.*")


def with_values(words: Sequence[str]) -> list[str]:
    """The words with what looks like a number below nought joined to the option before it.

    argparse takes `-5s` for an option, and would say of `--duration -5s` only that something is
    missing.
    """
    joined: list[str] = []
    for word in words:
        option = joined[-1] if joined else ""
        if option.startswith("--") and "=" not in option and _BELOW_NOUGHT.fullmatch(word):
            joined[-1] = f"{option}={word}"
        else:
            joined.append(word)
    return joined
