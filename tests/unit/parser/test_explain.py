"""Every decision can be asked for."""

from charter_engine.analysis.explain import explain

SOURCE = """from openai import OpenAI
client = OpenAI()
def run(x, db):
    plan = client.chat.completions.create(messages=[{"role": "user", "content": x}])
    rows = db.query("select something from somewhere")
    return client.chat.completions.create(messages=[{"role": "user", "content": f"Do {plan}"}])
"""


def test_a_call_tells_its_family_segments_and_edges() -> None:
    told = "\n".join(explain("a.py", SOURCE, 6))
    assert "openai.chat" in told
    assert "the output of run:plan" in told
    assert "data, by way of local" in told


def test_a_line_that_is_no_call_tells_why() -> None:
    assert "db.query(…) is no call: the receiver `db` is no model" in explain("a.py", SOURCE, 5)[0]


def test_a_line_without_calls_says_so() -> None:
    assert explain("a.py", SOURCE, 3) == ("line 3 calls nothing that could be a model",)
