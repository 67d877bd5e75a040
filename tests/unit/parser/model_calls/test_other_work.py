"""Requests that look like one for an answer, and ask for something else: vectors, an order, a
picture, a number of tokens."""

import pytest

from tests.unit.parser.compiled import compiled, lines

ASKED = '{"model": "m", "prompt": text}'
OTHERS = {
    "an embedding of Ollama's": ("http://localhost:11434/api/embeddings", ASKED),
    "an embedding at a server that is told": ("{SERVER}/v1/embeddings", ASKED),
    "an embedding of Gemini's": ("{SERVER}/v1beta/models/m:embedContent?key={SERVER}", ASKED),
    "a moderation": ("{SERVER}/v1/moderations", '{"model": "m", "input": text, "temperature": 0}'),
    "a picture": ("{SERVER}/v1/images/generations", ASKED),
    "a picture by another name": ("{SERVER}/sdapi/v1/txt2img", ASKED),
    "a film": ("{SERVER}/v1/text_to_video", ASKED),
    "a voice": ("{SERVER}/v1/audio/speech", ASKED),
    "tokens": (
        "{SERVER}/tokenize",
        '{"model": "m", "messages": [{"role": "user", "content": text}]}',
    ),
    "a number of tokens": (
        "{SERVER}/v1/messages/count_tokens",
        '{"model": "m", "messages": [{"role": "user", "content": text}]}',
    ),
    "an order": ("{SERVER}/v2/rerank", ASKED),
    "what a model is": ("{SERVER}/api/show", ASKED),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_request_at_the_address_of_something_else_is_no_call(what: str) -> None:
    address, body = OTHERS[what]
    file = compiled(
        f"""
        import os
        import requests

        SERVER = os.environ["SERVER"]

        def work(text):
            return requests.post(f"{address}", json={body}).json()["data"]
        """
    )
    assert lines(file) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://embeddings.example/v1/chat/completions",
        "{SERVER}/rerank/v1/completions",
        "{SERVER}/generate",
    ],
)
def test_one_at_that_of_a_completion_is(address: str) -> None:
    file = compiled(
        f"""
        import os
        import requests

        SERVER = os.environ["SERVER"]

        def work(text):
            return requests.post(f"{address}", json={ASKED}).json()["data"]
        """
    )
    assert lines(file) == [8]


def test_a_caller_that_gives_another_address_asks_no_model() -> None:
    file = compiled(
        """
        import httpx

        class Provider:
            def __init__(self, base):
                self.http = httpx.Client(base_url=base)

            def post(self, path, body):
                return self.http.post(path, json=body).json()

            def complete(self, prompt):
                return self.post("/api/generate", {"model": "m", "prompt": prompt})["response"]

            def embed(self, text):
                return self.post("/api/embeddings", {"model": "m", "prompt": text})["embedding"]

        class First:
            def __init__(self, providers):
                self.providers = providers

            def embed(self, text):
                return self.providers[0].embed(text)

        first = First([Provider("http://one"), Provider("http://two")])
        print(first.embed("Name a sea."), Provider("http://one").complete("Name a sea."))
        """
    )
    assert lines(file) == [9, 12, 25]


NAMED = {
    "its function": ("def embed(text, place):", "place", []),
    "its class": ("class Reranker:\n    def sort(self, text, place):", "place", []),
    "the address": ("def fetch(text, place):", "EMBEDDING_URL", []),
    "what it makes": ("def generate_image(text, place):", "place", []),
    "nothing": ("def complete(text, place):", "place", [8]),
}


@pytest.mark.parametrize("by", NAMED)
def test_where_neither_address_nor_body_tell_a_name_does(by: str) -> None:
    head, address, found = NAMED[by]
    indent = "        " if head.startswith("class") else "    "
    source = f"""
import os
import requests

EMBEDDING_URL = os.environ["EMBEDDING_URL"]
{head}
{indent}body = {{"model": "m", "prompt": text, "stream": False}}
{indent}return requests.post({address}, json=body).json()
"""
    assert lines(compiled(source)) == found


def test_what_only_a_request_for_text_has_goes_before_a_name() -> None:
    file = compiled(
        """
        import os
        import requests

        def rerank(prompt):
            body = {"model": "m", "prompt": prompt, "max_tokens": 20}
            return requests.post(os.environ["SERVER"], json=body).json()["text"]
        """
    )
    assert lines(file) == [7]


@pytest.mark.parametrize(
    ("model", "body", "found"),
    [
        ("amazon.titan-embed-text-v2:0", '{"inputText": text}', []),
        ("stability.stable-diffusion-xl-v1", '{"text_prompts": [{"text": text}]}', []),
        ("{os.environ['MODEL']}", '{"inputText": text, "dimensions": 256}', []),
        ("anthropic.claude-3", '{"messages": [{"role": "user", "content": text}]}', [8]),
        ("{os.environ['MODEL']}", '{"inputText": text}', [8]),
    ],
)
def test_a_server_of_all_kinds_of_models_is_asked_for_text(
    model: str, body: str, found: list[int]
) -> None:
    file = compiled(
        f"""
        import boto3
        import json
        import os

        def work(text):
            client = boto3.client("bedrock-runtime")
            return client.invoke_model(modelId=f"{model}", body=json.dumps({body}))
        """
    )
    assert lines(file) == found


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ('pipeline("sentiment-analysis")', []),
        ('pipeline(task="feature-extraction", model="m")', []),
        ('pipeline("zero-shot-classification", model="m")', []),
        ('pipeline("text-generation", model="m")', [6]),
        ('pipeline("summarization")', [6]),
        ("pipeline(model='m')", [6]),
    ],
)
def test_a_pipeline_asks_a_model_where_its_task_is_to_write(made: str, found: list[int]) -> None:
    file = compiled(
        f"""
        from transformers import pipeline

        ask = {made}
        def work(text):
            return ask(text)[0]
        """
    )
    assert lines(file) == found


def test_what_hears_or_speaks_asks_no_model() -> None:
    file = compiled(
        """
        from groq import Groq
        from transformers import WhisperForConditionalGeneration, T5ForConditionalGeneration

        def hear(path, sound):
            text = Groq().audio.transcriptions.create(model="m", file=path, prompt="Names: Ada")
            model = WhisperForConditionalGeneration.from_pretrained("m")
            return text, model.generate(sound)

        def write(ids):
            model = T5ForConditionalGeneration.from_pretrained("m")
            return model.generate(ids)
        """
    )
    assert lines(file) == [12]


PICTURES = {
    "a client's answer by its forms": (
        'client.models.generate_content(model="m", contents=text, '
        'config=types.GenerateContentConfig(response_modalities=["IMAGE", "TEXT"]))'
    ),
    "a client's model": (
        'client.models.generate_content(model="gemini-2.5-flash-image", contents=text)'
    ),
    "a post's answer by its forms": (
        'requests.post(f"{HOST}/gemini-x:generateContent", '
        'json=told | {"generationConfig": {"responseModalities": ["IMAGE"]}})'
    ),
    "a post's answer by its kind": (
        'requests.post(f"{HOST}/gemini-x:generateContent", '
        'json=told | {"generationConfig": {"responseMimeType": "image/png"}})'
    ),
    "a post's model": (
        'requests.post(f"{HOST}/gemini-2.5-flash-image:generateContent", json=told)'
    ),
}


def asked_with(request: str) -> str:
    return f"""
        import requests
        from google import genai
        from google.genai import types

        HOST = "https://generativelanguage.googleapis.com/v1beta/models"
        client = genai.Client()

        def made(text):
            told = {{"contents": [{{"parts": [{{"text": text}}]}}]}}
            return {request}
        """


@pytest.mark.parametrize("request_", PICTURES.values(), ids=PICTURES)
def test_a_request_for_a_picture_is_no_call(request_: str) -> None:
    assert compiled(asked_with(request_)).calls == ()


@pytest.mark.parametrize("request_", PICTURES.values(), ids=PICTURES)
def test_a_request_for_a_text_at_the_same_place_is_a_call(request_: str) -> None:
    text = request_.replace('"IMAGE", "TEXT"', '"TEXT"').replace('"IMAGE"', '"TEXT"')
    text = text.replace("image/png", "application/json").replace("flash-image", "flash")
    assert len(compiled(asked_with(text)).calls) == 1


SERVED = """
import pytest
from httpx import AsyncClient

MESSAGES = [{"role": "user", "content": "Which plants like shade?"}]

async def FUNCTION(client: AsyncClient):
    answer = await client.post("ADDRESS", json={"model": "m", "messages": MESSAGES})
    return answer.json()
"""


@pytest.mark.parametrize(
    ("function", "address", "calls"),
    [
        ("test_chat", "/api/chat", 0),
        ("test_chat", "https://models.example.org/v1/chat/completions", 1),
        ("ask", "/api/chat", 1),
    ],
)
def test_a_test_that_posts_to_a_path_alone_asks_the_server_that_it_tests(
    function: str, address: str, calls: int
) -> None:
    file = compiled(SERVED.replace("FUNCTION", function).replace("ADDRESS", address))
    assert len(file.calls) == calls


PAINTER = """
    import os
    import requests

    class Painter:
        def __init__(self):
            self.url = "https://api.some.ai/v1/chat/completions"
            self.model = os.getenv("PAINTER", "gemini-2.5-flash-image-preview")

        def generate_image(self, prompt):
            body = {"model": self.model, "messages": [{"role": "user", "content": prompt}]}
            return requests.post(self.url, json=body).json()
    """


def test_a_body_that_names_a_model_of_pictures_is_no_call() -> None:
    assert compiled(PAINTER).calls == ()
    assert lines(compiled(PAINTER.replace("flash-image-preview", "flash"))) == [12]


@pytest.mark.parametrize(("model", "calls"), [("gemini-2.5-flash-image", 0), ("gemini-2.5", 1)])
def test_a_model_that_is_known_later_may_be_one_of_pictures(model: str, calls: int) -> None:
    file = compiled(
        f"""
        import requests

        def made(body):
            return requests.post("https://api.some.ai/v1/chat/completions", json=body).json()

        def main(kept):
            kept.body = {{"messages": kept.messages, "model": "{model}"}}
            print(made(kept.body))
        """
    )
    assert len([call for call in file.calls if call.kind == "sdk"]) == calls
