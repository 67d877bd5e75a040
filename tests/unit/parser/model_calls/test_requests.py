"""Requests by hand that ask a model."""

import pytest

from tests.unit.parser.compiled import compiled, edges, lines

POST = """
import requests

def post(path, payload):
    return requests.post("http://triton:8000" + path, json=payload).json()["text_output"]
"""


def test_a_request_is_known_by_the_address_its_callers_give() -> None:
    file = compiled(
        POST
        + "\ndef run(q):\n"
        + '    return post("/v2/models/ensemble/generate", {"text_input": "Answer: " + q})\n'
    )
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (8, "wrapper")]
    assert file.calls[1].segments[0].text == "Answer: "


def test_a_call_of_it_with_another_address_is_none() -> None:
    file = compiled(
        POST
        + """
def run(q):
    said = post("/v2/models/ensemble/generate", {"text_input": q})
    return said + post("/api/embeddings", {"prompt": q})
"""
    )
    assert [(call.line, call.column) for call in file.calls] == [(5, 12), (8, 12)]


def test_a_servers_address_is_no_other_than_that_of_a_completion() -> None:
    file = compiled(
        """
        import httpx

        def post(server, prompt):
            body = {"model": "m", "prompt": prompt, "max_tokens": 9}
            return httpx.post(f"{server}/run", json=body).json()["text"]

        def run(question):
            return post("http://localhost:8000/v1", f"Answer: {question}")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(6, "sdk"), (9, "wrapper")]


def test_a_request_is_known_by_its_body() -> None:
    file = compiled(
        """
        import json, os, requests

        def ask(question):
            rule = {"role": "system", "content": "Be brief."}
            body = {"model": "m", "messages": [rule, {"role": "user", "content": question}]}
            return requests.post(os.environ["ADDRESS"], data=json.dumps(body)).json()

        requests.post(os.environ["HOOK"], json={"text": "started"})
        """
    )
    assert lines(file) == [7]
    first = file.calls[0].segments[0]
    assert (first.role, first.text) == ("system", "Be brief.")


def test_a_request_by_hand_is_told_by_its_body() -> None:
    file = compiled(
        """
        import requests

        def stream(model, messages, place):
            body = {"engine": model, "talk": {"messages": messages, "limits": {"max_tokens": 9}}}
            got = requests.post(place, json=body)
            for line in got.iter_lines():
                yield line.decode()

        def draw(prompt, place):
            return requests.post(place, json={"model": "m", "prompt": prompt, "size": "big"})
        """
    )
    assert lines(file) == [6]


def test_what_sends_a_request_made_before_returns_the_answer() -> None:
    file = compiled(
        """
        import json
        import urllib.request

        def model(prompt):
            body = json.dumps({"model": "m", "prompt": prompt, "stream": False}).encode()
            request = urllib.request.Request("http://host:11434/api/generate", data=body)
            with urllib.request.urlopen(request) as reply:
                return json.loads(reply.read().decode())["response"]

        model("Name a sea.")
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(8, "sdk"), (11, "wrapper")]


def test_a_request_is_the_call_where_its_file_does_not_send_it() -> None:
    file = compiled(
        """
        import json
        from urllib.request import Request
        from shop.net import send

        def model(prompt):
            body = json.dumps({"model": "m", "prompt": prompt}).encode()
            return send(Request("http://host:11434/api/generate", data=body))
        """
    )
    assert lines(file) == [8]


CLIENT = """
import json
from urllib import request

class Client:
    def __init__(self, base):
        self.base = base

    def post(self, url, payload):
        body = json.dumps(payload).encode("utf-8")
        sent = request.Request(url, data=body, method="POST")
        with request.urlopen(sent, timeout=9) as reply:
            return json.loads(reply.read())

    def ask(self, text, tools=None):
        payload = {"model": "m", "input": text}
        if tools:
            payload["tools"] = tools
        return self.post(self.base + "/responses", payload)["output_text"]
"""


def test_a_request_is_known_by_the_body_that_its_callers_give() -> None:
    file = compiled(CLIENT + '\nprint(Client("http://host").ask("Name a sea."))\n')
    assert [(call.line, call.kind) for call in file.calls] == [
        (12, "sdk"),
        (19, "wrapper"),
        (21, "wrapper"),
    ]
    assert file.calls[2].segments[0].text == "Name a sea."


def test_a_body_names_the_answer_that_its_request_goes_on_from() -> None:
    file = compiled(
        CLIENT
        + """
    def work(self, text, url):
        first = self.post(self.base + "/responses", {"model": "m", "input": text, "tools": []})
        found = self.post(url + "/lookups", {"name": first["name"]})
        said = {"type": "function_call_output", "output": "Done."}
        body = {"model": "m", "previous_response_id": first["id"], "input": [said]}
        return self.post(self.base + "/responses", body)
"""
    )
    assert edges(file) == {(22, 26, "data")}


def test_the_name_of_a_vendors_model_is_no_address() -> None:
    file = compiled(
        """
        import httpx

        def ask_model(model, messages):
            body = {"model": model, "messages": messages}
            return httpx.post("https://router.example/api/v1/chat/completions", json=body).json()

        def conclude(question, answers):
            text = f"You are the chairman of a council. {question} {answers}"
            return ask_model("google/gemini", [{"role": "user", "content": text}])
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(6, "sdk"), (10, "wrapper")]


@pytest.mark.parametrize(
    ("address", "body", "asks"),
    [
        ("https://slack.com/api/chat.postMessage", {"channel": "c", "text": "t"}, False),
        ("https://chat.example.com/api/v1/messages", {"to": "c", "content": "t"}, False),
        ("https://api.openai.com/v1/images/generations", {"model": "m", "prompt": "t"}, False),
        ("https://api.openai.com/v1/moderations", {"model": "m", "input": "t"}, False),
        ("http://localhost:11434/api/chat", {"model": "m", "messages": []}, True),
        ("http://localhost:11434/api/generate?raw", {"model": "m", "prompt": "t"}, True),
        ("http://localhost:8080/completion", {"prompt": "t", "n_predict": 9}, True),
        ("http://localhost/run", {"inputs": "t", "parameters": {"max_new_tokens": 9}}, True),
        ("http://localhost/run", {"inputs": "t", "parameters": {"top_k": 9}}, False),
    ],
)
def test_requests_that_ask_for_no_text_are_none(
    address: str, body: dict[str, object], asks: bool
) -> None:
    file = compiled(f"import requests\n\ndone = requests.post({address!r}, json={body!r}).json()\n")
    assert bool(file.calls) is asks


def test_a_request_is_known_by_what_its_callers_give_by_name() -> None:
    file = compiled(
        """
        import httpx

        async def post(client, url, **options):
            answer = await client.post(url, **options)
            return answer.json()

        async def search(word):
            said = {"model": "m", "input": {"messages": [{"role": "user", "content": word}]}}
            return await post(httpx.AsyncClient(), URL, json=said)

        async def store(word):
            return await post(httpx.AsyncClient(), "https://store.example.com/words", json=word)

        URL = "https://api.example.com/v1/answers"
        """
    )
    assert [(call.line, call.kind) for call in file.calls] == [(5, "sdk"), (10, "wrapper")]


@pytest.mark.parametrize(
    "setting",
    [
        '"include": ["web_search_call.action.sources"]',
        '"reasoning": {"effort": "the highest effort"}',
        '"metadata": {"purpose": "a look for all brands"}',
    ],
)
def test_settings_of_a_request_are_told_to_no_model(setting: str) -> None:
    file = compiled(
        f"""
        import requests

        def post(body):
            return requests.post("https://api.openai.com/v1/responses", json=body).json()

        def search_web(text):
            return post({{"model": "m", "input": text, {setting}}})

        def work(topic):
            return search_web(f"What is known about {{topic}}?")
        """
    )
    assert [call.line for call in file.calls] == [5, 8, 11]
    assert [part.kind for part in file.calls[1].segments] == ["variable"]


def test_a_record_of_a_request_that_was_answered_is_no_request() -> None:
    file = compiled(
        """
        import httpx

        def note(run, messages, answer):
            said = {"model": "m", "messages": [{"role": "user", "content": messages}]}
            body = {"prompt": said, "answer": answer.text, "prompt_tokens": answer.tokens}
            return httpx.post(f"/api/runs/{run}/notes", json=body).json()
        """
    )
    assert file.calls == ()


QUERY = """
import requests

API = "https://api-inference.huggingface.co/models/m"

def query(payload):
    return requests.post(API, headers={"Authorization": "Bearer x"}, json=payload).json()

def complete(text):
    return query({"inputs": text, "parameters": {"max_new_tokens": 99}})[0]["generated_text"]

def name(thing):
    return complete(f"Invent a name for {thing}.")
"""


def test_a_function_that_posts_to_one_address_is_known_by_the_body_of_a_caller() -> None:
    file = compiled(QUERY)
    found = [(call.line, call.kind) for call in file.calls]
    assert found == [(7, "sdk"), (10, "wrapper"), (13, "wrapper")]
