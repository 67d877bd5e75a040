"""What each rule finds, and the look-alikes it leaves alone."""

import pytest

from tests.unit.analysis.lint.linting import SYSTEM, agent, findings, rules

SPACED_SYSTEM = SYSTEM.replace(" who", "  who")

INSTRUCTIONS = (
    "Summarise what it says about money, people and dates, each in one short paragraph of its own."
)

HITS = {
    "variable-before-shared-text": agent(f'''
        prompt = f"""{{document}}

        {INSTRUCTIONS}

        Answer:"""
        return self.client.generate(prompt, max_tokens=100)
    '''),
    "time-in-prefix": agent(
        f"""
        prompt = f"It is {{datetime.now()}}. {INSTRUCTIONS} {{document}}"
        return self.client.generate(prompt, max_tokens=100)
        """,
        head="from datetime import datetime\n",
    ),
    "random-in-prefix": agent(
        f"""
        key = uuid.uuid4()
        prompt = f"Request {{key}}: {INSTRUCTIONS} {{document}}"
        return self.client.generate(prompt, max_tokens=100)
        """,
        head="import uuid\n",
    ),
    "unordered-in-prompt": agent("""
        topics = ", ".join(set(question))
        return self.client.generate(f"{SYSTEM} Topics: {topics}", max_tokens=100)
    """),
    "json-without-sorted-keys": agent(
        """
        data = json.dumps(document)
        return self.client.generate(f"{SYSTEM} Data: {data}", max_tokens=100)
        """,
        head="import json\n",
    ),
    "tool-order-changes": agent(
        """
        random.shuffle(self.tools)
        return self.client.generate(f"{SYSTEM} {self.tools}", max_tokens=100)
        """,
        head="import random\n",
    ),
    "history-cut-at-front": agent("""
        self.history.append(question)
        self.history = self.history[-10:]
        return self.client.generate(SYSTEM + str(self.history), max_tokens=100)
    """),
    "text-repeated": agent("""
        prompt = f"{SYSTEM} First: {document} Again: {document}"
        return self.client.generate(prompt, max_tokens=100)
    """),
    "attachment-before-text": agent(f'''
        prompt = f"""{{self.image_base64}}

        {INSTRUCTIONS}

        Answer:"""
        return self.client.generate(prompt, max_tokens=100)
    '''),
    "prefix-shorter-than-block": agent("""
        return self.client.generate(f"Be brief. {document}", max_tokens=100)
    """),
    "whitespace-differs": agent(f'''
        first = self.client.generate(f"{SYSTEM} {{document}}", max_tokens=100)
        second = self.client.generate(f"{SPACED_SYSTEM} {{question}}", max_tokens=100)
        return first, second
    '''),
    "chain-not-appended": agent("""
        entities = self.client.generate(f"{SYSTEM} List names. {document}", max_tokens=100)
        return self.client.generate(f"{SYSTEM} Check {entities} against {document}", max_tokens=100)
    """),
}

MISSES = {
    "variable-before-shared-text": agent(f'''
        prompt = f"""{INSTRUCTIONS}

        Document:
        {{document}}

        Answer:"""
        return self.client.generate(prompt, max_tokens=100)
    '''),
    "time-in-prefix": agent(
        f'''
        prompt = f"{INSTRUCTIONS} {{document}} {{datetime.now()}}"
        return self.client.generate(prompt, max_tokens=100)
        ''',
        head="from datetime import datetime\n",
    ),
    "random-in-prefix": agent("""
        return self.client.generate(f"{SYSTEM} {document} {question}", max_tokens=100)
    """),
    "unordered-in-prompt": agent("""
        topics = ", ".join(sorted(set(question)))
        return self.client.generate(f"{SYSTEM} Topics: {topics}", max_tokens=100)
    """),
    "json-without-sorted-keys": agent(
        """
        data = json.dumps(document, sort_keys=True)
        return self.client.generate(f"{SYSTEM} Data: {data}", max_tokens=100)
        """,
        head="import json\n",
    ),
    "tool-order-changes": agent(
        """
        random.shuffle(self.players)
        return self.client.generate(f"{SYSTEM} {self.tools}", max_tokens=100)
        """,
        head="import random\n",
    ),
    "history-cut-at-front": agent("""
        self.history.append(question)
        recent = self.scores[-10:]
        return self.client.generate(SYSTEM + str(self.history), max_tokens=100)
    """),
    "text-repeated": agent("""
        return self.client.generate(f"{SYSTEM} First: {document} Then: {question}", max_tokens=100)
    """),
    "prefix-shorter-than-block": agent(f'''
        return self.client.generate(f"{SYSTEM} {SYSTEM} {{document}}", max_tokens=100)
    '''),
    "chain-not-appended": agent("""
        entities = self.client.generate(f"{SYSTEM} List names. {document}", max_tokens=100)
        return self.client.generate(f"{SYSTEM} Translate {entities}", max_tokens=100)
    """),
}


@pytest.mark.parametrize("rule", HITS)
def test_the_rule_finds_its_case(rule: str) -> None:
    assert rule in rules(HITS[rule])


@pytest.mark.parametrize("rule", MISSES)
def test_the_rule_leaves_its_look_alike_alone(rule: str) -> None:
    assert rule not in rules(MISSES[rule])


def test_a_system_prompt_that_changes_in_a_loop_is_found() -> None:
    source = agent("""
        for turn in range(3):
            messages = [
                {"role": "system", "content": f"You know: {self.facts}"},
                {"role": "user", "content": question},
            ]
            self.facts = self.client.chat.completions.create(model="m", messages=messages)
    """)
    assert "system-prompt-rebuilt" in rules(source)


def test_the_cost_is_the_constant_text_behind_the_variable() -> None:
    (found,) = [
        item
        for item in findings(HITS["variable-before-shared-text"])
        if item.rule.startswith("variable")
    ]
    assert found.tokens_per_call is not None
    assert len(INSTRUCTIONS) / 8 < found.tokens_per_call < len(INSTRUCTIONS) / 2


def test_a_value_judged_by_its_name_alone_is_uncertain_and_says_why() -> None:
    source = agent(
        f'return self.client.generate(f"{{self.request_id}} {INSTRUCTIONS} {{document}}", '
        "max_tokens=9)"
    )
    (found,) = [item for item in findings(source) if item.rule == "random-in-prefix"]
    assert (found.confidence, bool(found.confidence_reason)) == ("uncertain", True)


def test_a_file_without_calls_has_no_findings() -> None:
    assert findings(f'history = []\nhistory.pop(0)\nSYSTEM = """{SYSTEM}"""\n') == ()
