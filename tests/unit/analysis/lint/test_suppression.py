"""Silencing rules, and adding some."""

import pytest

from charter_engine.analysis.lint.custom import InvalidLintConfig, LintConfig, read_lint_config
from tests.unit.analysis.lint.linting import agent, rules

CUT = "self.history = self.history[-10:]"
CALL = "return self.client.generate(SYSTEM + str(self.history), max_tokens=100)"


@pytest.mark.parametrize(
    "body",
    [
        f"{CUT}  # charter: ignore[history-cut-at-front]\n{CALL}",
        f"# charter: ignore[history-cut-at-front]\n{CUT}\n{CALL}",
        f"{CUT}  # charter: ignore\n{CALL}",
        f"{CUT}  # charter: ignore[text-repeated, history-cut-at-front]\n{CALL}",
    ],
)
def test_a_comment_on_the_line_or_alone_above_it_silences_the_rule(body: str) -> None:
    assert "history-cut-at-front" not in rules(agent(body))


@pytest.mark.parametrize(
    "body",
    [
        f"{CUT}  # charter: ignore[text-repeated]\n{CALL}",
        f"x = 1  # charter: ignore\n{CUT}\n{CALL}",
    ],
)
def test_a_comment_for_another_rule_or_another_line_does_not(body: str) -> None:
    assert "history-cut-at-front" in rules(agent(body))


def test_a_rule_can_be_switched_off() -> None:
    assert "history-cut-at-front" not in rules(
        agent(f"{CUT}\n{CALL}"), LintConfig(off=("history-cut-at-front",))
    )


def test_a_rule_can_be_added() -> None:
    table = {
        "rules": [
            {
                "id": "no-history",
                "pattern": "history",
                "where": "any",
                "message": "no histories here",
            }
        ]
    }
    assert "no-history" in rules(agent(CALL), read_lint_config(table))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"off": ["text-repeatd"]}, "did you mean text-repeated"),
        ({"rules": [{"id": "x", "pattern": "(", "message": "m"}]}, "no pattern"),
        ({"rules": [{"id": "text-repeated", "pattern": "x", "message": "m"}]}, "exists already"),
        ({"offf": []}, "offf"),
        ({"rules": [{"id": "x"}]}, "pattern"),
        ({"off": 5}, "off"),
        ({"off": "text-repeated"}, "off"),
        ({"tokens_per_block": 0}, "tokens_per_block"),
        (5, "object"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(table: object, words: str) -> None:
    with pytest.raises(InvalidLintConfig, match=words):
        read_lint_config(table)
