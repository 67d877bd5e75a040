"""Of the ways that a constant decides between for the whole run, none hears the other."""

import pytest

from tests.unit.parser.compiled import joined

TWICE = """
import shop
from shop import settings
from shop.settings import FAST, VENDOR

try:
    SLOW = shop.slow
except AttributeError:
    SLOW = False
TURNED = True

def turn():
    global TURNED
    TURNED = False
    settings.turned = True

def run(text):
    said = []
    while len(said) < 3:
        if FIRST:
            told = ask(f"Near {text} {said}")
        else:
            told = ask(f"Far {text} {said}")
        if SECOND:
            said.append(ask(f"Close {told}"))
        else:
            said.append(ask(f"Wide {told}"))
"""

APART = {"Near > Close", "Far > Wide", "Close > Near, later", "Wide > Far, later"}
CROSSED = {"Near > Wide", "Far > Close", "Close > Far, later", "Wide > Near, later"}


def heard(first: str, second: str) -> set[str]:
    return joined(TWICE.replace("FIRST", first).replace("SECOND", second))


@pytest.mark.parametrize("test", ["FAST", "SLOW", "VENDOR == 'near'", "settings.fast", "shop.FAST"])
def test_two_tests_of_a_constant_come_out_the_same(test: str) -> None:
    assert heard(test, test) == APART


def test_so_do_those_of_which_one_denies_it() -> None:
    assert heard("not FAST", "not FAST") == APART
    assert heard("FAST", "not FAST") == CROSSED


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("FAST", "SLOW"),
        ("TURNED", "TURNED"),
        ("text", "text"),
        ("shop.open", "shop.open"),
        ("settings.turned", "settings.turned"),
    ],
)
def test_other_tests_may_come_out_either_way(first: str, second: str) -> None:
    assert heard(first, second) == APART | CROSSED


def test_what_follows_a_branch_that_leaves_is_its_other_way() -> None:
    source = """
from shop.settings import FAST

def run(text):
    if FAST:
        told = ask(f"Near {text}")
    else:
        told = ask(f"Far {text}")
    if not FAST:
        return ask(f"Wide {told}")
    return ask(f"Close {told}")
"""
    assert joined(source) == {"Near > Close", "Far > Wide"}
