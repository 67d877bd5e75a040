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
    "tools-differ": agent(f'''
        first = self.client.generate(f"{SYSTEM} {{document}}", tools=[{{"name": "read"}}])
        second = self.client.generate(f"{SYSTEM} {{question}}", max_tokens=100)
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
    "tools-differ": agent(f'''
        tools = [{{"name": "read"}}]
        first = self.client.generate(f"{SYSTEM} {{document}}", tools=tools)
        second = self.client.generate(f"{SYSTEM} {{question}}", tools=tools, tool_choice="none")
        return first, second
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


CLOCKS = {
    "in a helper": "moment = stamp()\n"
    "return self.client.generate(f'{moment} {RULES}', max_tokens=9)",
    "in a helper's helper": "return self.client.generate(f'{wrapped()} {RULES}', max_tokens=9)",
    "in a format": "now = datetime.now()\n"
    "return self.client.generate(f'{now:%H:%M} {RULES}', max_tokens=9)",
    "in a dict": "now = {'day': datetime.now()}\n"
    "return self.client.generate(('{day} ' + RULES).format_map(now), max_tokens=9)",
    "in a template": "return self.client.generate(\n"
    "    Template('{{ date }} ' + RULES).render(date=stamp()), max_tokens=9)",
}


@pytest.mark.parametrize("body", CLOCKS.values(), ids=CLOCKS)
def test_a_clock_is_found_a_helper_a_format_or_a_template_away(body: str) -> None:
    head = (
        "from datetime import datetime\nfrom jinja2 import Template\n"
        f"RULES = {INSTRUCTIONS!r}\n"
        "def stamp():\n    return datetime.now().strftime('%H:%M')\n"
        "def wrapped():\n    text = stamp()\n    return f'It is {text}.'\n"
    )
    found = [one for one in findings(agent(body, head=head)) if one.rule == "time-in-prefix"]
    assert [one.confidence for one in found] == ["certain"]


def test_a_clock_is_known_by_what_its_module_is_imported_as() -> None:
    head = f"from datetime import datetime as dt\nRULES = {INSTRUCTIONS!r}\n"
    body = "return self.client.generate(f'{dt.utcnow()} {RULES}', max_tokens=9)"
    assert "time-in-prefix" in rules(agent(body, head=head))


def test_a_clock_at_the_end_of_a_prompt_is_left_alone() -> None:
    head = f"from datetime import datetime\nRULES = {INSTRUCTIONS!r}\n"
    body = "return self.client.generate(f'{RULES} (asked at {datetime.now()})', max_tokens=9)"
    assert "time-in-prefix" not in rules(agent(body, head=head))


def test_a_helper_without_a_clock_is_no_clock() -> None:
    head = f"RULES = {INSTRUCTIONS!r}\ndef stamp():\n    return 'Harbour office'\n"
    body = "return self.client.generate(f'{stamp()} {RULES}', max_tokens=9)"
    assert "time-in-prefix" not in rules(agent(body, head=head))


WINDOWS = [
    "said = [{'role': 'system', 'content': SYSTEM}, *self.history[-LIMIT:]]",
    "said = self.history[:1] + self.history[-20:]",
    "recent = self.history[-self.limit:]\nsaid = recent",
    "while len(self.history) > 20:\n    self.history.pop(1)\nsaid = self.history",
    "said = trim_messages(self.history, max_tokens=900)",
    "self.history.popleft()\nsaid = list(self.history)",
    "self.history = deque(self.history, maxlen=20)\nsaid = list(self.history)",
    "said = self.history[len(self.history) - 20:]",
    "start = max(0, len(self.history) - LIMIT)\nsaid = self.history[start:]",
    "said = list(islice(self.history, len(self.history) - 20, None))",
    "said = [item for item in self.history][-20:]",
    "msgs = self.history\nwhile size(msgs) > 900:\n    msgs = msgs[2:]\nsaid = msgs",
    "self.history.remove(self.history[1])\nsaid = self.history",
    "self.history[1:-10] = []\nsaid = self.history",
    "said = []\nfor one in reversed(self.history):\n    if size(said) > 900:\n        break\n"
    "    said.insert(0, one)",
    "said = trim_messages(state['messages'], max_tokens=900)",
    "memory = ConversationBufferWindowMemory(k=5)\nsaid = memory.load()",
    "said = recent(self.history)\ndef recent(messages):\n    return messages[-20:]",
]


@pytest.mark.parametrize("window", WINDOWS)
def test_a_window_over_a_history_is_found_however_it_is_written(window: str) -> None:
    body = f"{window}\nreturn self.client.chat.completions.create(model='m', messages=said)"
    assert "history-cut-at-front" in rules(agent(body))


@pytest.mark.parametrize(
    "kept",
    [
        "said = self.history[-1:]",
        "said = self.history[:20]",
        "del self.history[:]\nsaid = self.history",
        "said = self.history",
    ],
)
def test_a_history_that_keeps_its_front_or_ends_is_not_cut(kept: str) -> None:
    body = f"{kept}\nreturn self.client.chat.completions.create(model='m', messages=said)"
    assert "history-cut-at-front" not in rules(agent(body))


def test_a_trimmer_in_a_chain_cuts_the_history() -> None:
    source = """
from langchain_core.messages import trim_messages
from langchain_openai import ChatOpenAI

llm = ChatOpenAI()
chain = trim_messages(max_tokens=900, token_counter=llm) | llm

def ask(messages):
    return chain.invoke(messages)
"""
    assert "history-cut-at-front" in rules(source)


TOOLS = """
import os

class Registry:
    def __init__(self):
        self.active = {active}
        self.schemas = {{}}

    def specs(self):
        return [self.schemas[name] for name in {order}]

def work(client, registry, said):
    return client.chat.completions.create(messages=said, tools=registry.specs())
"""


@pytest.mark.parametrize(
    ("active", "order"),
    [
        ("set()", "self.active"),
        ("[]", "os.listdir('tools')"),
        ("frozenset('ab')", "self.active"),
        ("set()", "set(NAMES) & self.active"),
        ("[]", "Path('tools').glob('*.json')"),
    ],
)
def test_tools_out_of_a_set_or_folder_have_no_fixed_order(active: str, order: str) -> None:
    found = findings(TOOLS.format(active=active, order=order))
    assert [one.line for one in found if one.rule == "tool-order-changes"] == [10]


def test_tools_that_a_loop_takes_out_of_a_folder_have_no_fixed_order() -> None:
    source = """
import glob, json

def work(client, said):
    tools = []
    for path in glob.glob("tools/*.json"):
        tools.append(json.load(open(path)))
    return client.chat.completions.create(messages=said, tools=tools)
"""
    assert "tool-order-changes" in rules(source)


@pytest.mark.parametrize(
    ("made", "offered"),
    [
        ("NAMES = {'find', 'read'}", "tools=[SCHEMAS[name] for name in NAMES]"),
        ("MORE = {find}\nTOOLS = {read} | MORE", "tools=list(TOOLS)"),
    ],
)
def test_tools_out_of_a_set_that_the_file_holds_have_no_fixed_order(
    made: str, offered: str
) -> None:
    source = f"{made}\ndef work(client, said):\n    return client.chat.completions.create("
    assert "tool-order-changes" in rules(f"{source}messages=said, {offered})\n")


def test_tools_that_are_bound_out_of_a_set_have_no_fixed_order() -> None:
    source = """
from langchain_openai import ChatOpenAI

TOOLS = {find, read}
llm = ChatOpenAI().bind_tools(list(TOOLS))

def ask(question):
    return llm.invoke(question)
"""
    assert "tool-order-changes" in rules(source)


@pytest.mark.parametrize(
    ("active", "order"), [("set()", "sorted(self.active)"), ("[]", "self.active")]
)
def test_tools_in_order_are_left_alone(active: str, order: str) -> None:
    assert "tool-order-changes" not in rules(TOOLS.format(active=active, order=order))


def test_a_plain_chat_loop_is_clean() -> None:
    body = """
        history = [{"role": "system", "content": SYSTEM}]
        while True:
            history.append({"role": "user", "content": input("> ")})
            reply = self.client.chat.completions.create(model="m", messages=history)
            history.append({"role": "assistant", "content": reply.choices[0].message.content})
    """
    assert rules(agent(body)) <= {"prefix-shorter-than-block"}


SHARED_HISTORY = """
class Agent:
    def ask(self, question):
        self.log.append({"role": "user", "content": question})
        out = self.client.chat.completions.create(model="m", messages=self.log)
        self.log.append({"role": "assistant", "content": out.text})

    def check(self):
        self.log.append({"role": "user", "content": "Is that so?"})
        out = self.client.chat.completions.create(model="m", messages=self.log)
        self.log.append({"role": "assistant", "content": out.text})
        return "yes" in out.text

    def run(self, question):
        self.log = [{"role": "system", "content": "You look after a small library."}]
        for _ in range(5):
            self.ask(question)
            self.check()
"""


def test_functions_that_share_a_history_repeat_nothing() -> None:
    assert not rules(SHARED_HISTORY) & {"text-repeated", "chain-not-appended"}


def test_a_message_of_unknown_role_is_not_the_system_prompt() -> None:
    body = """
        while True:
            reply = self.client.chat.completions.create(
                model="m", messages=[{"role": "system", "content": SYSTEM}, *question]
            )
            question = question + [reply]
    """
    assert "system-prompt-rebuilt" not in rules(agent(body))


def test_a_fix_is_promised_only_where_it_changes_the_source() -> None:
    by_json = agent(
        """
        state = {"level": document, "rules": SYSTEM}
        said = [{"role": "user", "content": json.dumps(state)}]
        return self.client.chat.completions.create(model="m", messages=said)
        """,
        head="import json\n",
    )
    promised = {
        source: [one.fixable for one in findings(source) if one.rule == RULE]
        for source in (by_json, HITS[RULE])
    }
    assert promised == {by_json: [False], HITS[RULE]: [True]}


RULE = "variable-before-shared-text"


CONVERSATION = """
from openai import OpenAI


def work(goal):
    messages = [{"role": "user", "content": goal}]
    while True:
        REWRITE
        reply = OpenAI().chat.completions.create(model="m", messages=messages)
        messages.append(reply.choices[0].message)
"""


@pytest.mark.parametrize(
    "rewrite",
    [
        "for one in messages[:-4]:\n            one['content'] = one['content'][:100]",
        "for one in messages:\n            one.content = shortened(one.content)",
        "for number, one in enumerate(messages):\n            messages[number]['content'] = ''",
        "messages = [one for one in messages if one['type'] != 'thinking']",
        "for one in messages:\n            one.pop('thinking', None)",
        "for number, one in enumerate(messages):\n            messages[number] = {'role': 'tool'}",
        "messages = [tool_free(one) for one in messages[:-1]] + messages[-1:]",
        "for one in messages:\n            del one['reasoning_content']",
        "for one in messages:\n            one = {**one, 'content': one['content'][:9]}",
    ],
)
def test_messages_that_are_changed_after_they_were_sent_are_found(rewrite: str) -> None:
    found = findings(CONVERSATION.replace("REWRITE", rewrite))
    (finding,) = [one for one in found if one.rule == "history-rewritten"]
    assert finding.confidence == "uncertain"


@pytest.mark.parametrize(
    "rewrite",
    [
        "messages[-1]['content'] += ' Go on.'",
        "for one in messages:\n            one['cache_control'] = None",
        "shown = [one for one in messages if one['role'] != 'tool']",
    ],
)
def test_what_changes_no_earlier_message_is_left_alone(rewrite: str) -> None:
    assert "history-rewritten" not in rules(CONVERSATION.replace("REWRITE", rewrite))


def test_a_conversation_that_grows_has_all_turns_before_in_front() -> None:
    short = "[{'role': 'system', 'content': 'Answer in a few words.'}, "
    asked = 'reply = OpenAI().chat.completions.create(model="m", messages='
    growing = CONVERSATION.replace("REWRITE", "pass").replace("= [{", f"= {short}{{")
    anew = growing.replace(f"{asked}messages", f"{asked}{short}goal]")
    found = ["prefix-shorter-than-block" in rules(source) for source in (growing, anew)]
    assert found == [False, True]


def test_an_imported_constant_is_constant() -> None:
    body = f'return self.client.generate(RULES + "{INSTRUCTIONS}" + document, max_tokens=100)'
    assert "variable-before-shared-text" in rules(agent(body.replace("RULES", "rules")))
    imported = agent(body, head="from prompts import RULES\n")
    assert "variable-before-shared-text" not in rules(imported)


def test_text_of_another_message_is_not_hidden() -> None:
    source = CONVERSATION.replace("REWRITE", "pass").replace(
        '"content": goal}', f'"content": goal}}, {{"role": "system", "content": "{INSTRUCTIONS}"}}'
    )
    assert "variable-before-shared-text" not in rules(source)
