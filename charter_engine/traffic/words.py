"""A word diff of two texts that part somewhere, around the place where they do."""

import re
from difflib import SequenceMatcher

from charter_engine.contracts.explaining import WordChange

WORDS = 40
"""Shown at most before the place, and of each text behind it."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")


def word_diff(head: str, stood: str, stands: str) -> tuple[WordChange, ...]:
    """The words around the place behind `head` at which one text went on as it `stood` and the
    other goes on as it `stands`."""
    # A token may end within a word: that word is compared as a whole.
    cut = len(head) - len(_partial_word(head))
    before = _WORD.findall(head[:cut])[-WORDS:]
    then = _WORD.findall(head[cut:] + stood)[:WORDS]
    now = _WORD.findall(head[cut:] + stands)[:WORDS]
    changes = [WordChange("same", "".join(before))] if before else []
    matcher = SequenceMatcher(None, then, now, autojunk=False)
    operations = matcher.get_opcodes()
    if len([kind for kind, *_ in operations if kind != "equal"]) > 1:
        while operations[-1][0] != "equal":
            operations.pop()  # where the windows end, and no change
    for kind, begin, end, other_begin, other_end in operations:
        if kind == "equal":
            changes.append(WordChange("same", "".join(then[begin:end])))
            continue
        if begin < end:
            changes.append(WordChange("stood", "".join(then[begin:end])))
        if other_begin < other_end:
            changes.append(WordChange("stands", "".join(now[other_begin:other_end])))
    return tuple(changes)


def _partial_word(text: str) -> str:
    found = re.search(r"\w+$", text[-80:])
    return found.group() if found else ""
