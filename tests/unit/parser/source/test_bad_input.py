"""Files that can't be compiled, and files made to break the compiler."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.analysis.compile import compile_source

GOOD = (
    "import openai\n"
    "openai.ChatCompletion.create(messages=[{'role': 'user', 'content': f'hi {name}'}])\n"
)

BROKEN = {
    "syntax": (b"def f(:\n", 1, "Syntax error"),
    "python 2": (b'x = 1\nprint "hello"\n', 2, "Syntax error"),
    "null byte": (b"x = 1\ny = '\0'\n", 2, "null byte"),
    "wrong encoding": (b"x = 1\ny = '\xff'\n", 2, "Not utf-8"),
    "unknown encoding": (b"# -*- coding: klingon -*-\n", 1, "encoding"),
    "deep nesting": (b"(" * 5000 + b")" * 5000, 0, ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_has_a_diagnostic_that_names_the_place(name: str) -> None:
    source, line, words = BROKEN[name]
    (error,) = compile_source("bad.py", source).errors
    assert words in error.message
    assert error.remedy
    assert not line or error.line == line


@pytest.mark.parametrize(
    "source",
    [b"\xef\xbb\xbf" + GOOD.encode(), GOOD.encode("utf-16"), GOOD.replace("\n", "\r\n").encode()],
)
def test_byte_order_marks_and_line_ends_are_read(source: bytes) -> None:
    file = compile_source("a.py", source)
    assert [call.line for call in file.calls] == [2]


def test_a_coding_line_is_followed() -> None:
    source = (
        "# -*- coding: latin-1 -*-\nclient.generate('Grüße an alle Leser', max_tokens=5)\n".encode(
            "latin-1"
        )
    )
    assert compile_source("a.py", source).calls[0].segments[0].text == "Grüße an alle Leser"


def test_code_cells_of_a_notebook_are_compiled() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["client.chat.completions.create()"]},
        {"cell_type": "code", "source": ["%pip install openai\n", "!ls\n", GOOD]},
    ]
    file = compile_source("a.ipynb", json.dumps({"cells": cells}))
    assert [call.line for call in file.calls] == [4]


@pytest.mark.parametrize("source", ["{", "[]", '{"cells": 3}'])
def test_a_damaged_notebook_has_a_diagnostic(source: str) -> None:
    assert compile_source("a.ipynb", source).errors


def test_a_long_line_and_a_long_sum_are_compiled() -> None:
    source = GOOD + "x = [" + "1, " * 300_000 + "]\n" + "y = " + " + ".join(["'a'"] * 900) + "\n"
    assert len(compile_source("a.py", source).calls) == 1


def test_structures_that_hold_themselves_end() -> None:
    source = "def f(x):\n    d = {}\n    d['d'] = d\n    l = [d]\n    l.append(l)\n    d['l'] = l\n"
    assert not compile_source("a.py", source + GOOD).errors


FRAGMENTS = [
    "class A(A):\n    def m(self, x): return self.m(self.m)\n",
    "def f(*a, **k): return f(*a, **k)\n",
    "for i in x:\n    while i:\n        for j in i: m.append(j); m = [m, *m]\n",
    "x = lambda y: x(x)(y)\n",
    "try:\n    y += f'{y!r:>{y}}'\nexcept* E as e:\n    raise\n",
    "match x:\n    case {'a': [b, *c], **d}: x[b] = c\n    case A(q=r) | r: pass\n",
    "with a as (b, c), d: yield_ = [k async for k in b if await k]\n",
    "messages = [{'role': r, **m} for r, m in zip(a, messages)]\n",
    "r = client.chat.completions.create(messages=messages, **k)\nmessages.append(r)\n",
    "x = '%s %(a)s {} {0[a].b!r:{w}} %' % (x, x)\nx = x.format(x, *x, **x)\n",
    "async def g(state):\n    return {'a': await llm.ainvoke(state['a']), **state}\n",
    "global z\nz = z.z[z](z)\ndel z\n",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), min_size=1, max_size=8))
def test_no_combination_of_strange_code_breaks_the_compiler(fragments: list[str]) -> None:
    compile_source("a.py", "".join(fragments))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_mutation_of_a_file_breaks_the_compiler(data: st.DataObject) -> None:
    source = bytearray("".join(FRAGMENTS).encode())
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(source) - 1))
        source[position : position + data.draw(st.integers(0, 30))] = data.draw(
            st.binary(max_size=6)
        )
    compile_source("a.py", bytes(source))
