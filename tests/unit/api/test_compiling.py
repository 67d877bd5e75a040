"""Compiling, explaining and looking after the cache, as commands and notebooks ask for it."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

from charter_engine.api.compiling import (
    cache_status,
    clear_cache,
    compile_paths,
    explain,
    prune_cache,
)
from charter_engine.api.progress import Progress
from charter_engine.contracts.compiling import CompileRequest, ExplainRequest
from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.errors import CharterError, UsageError

AGENT = "def ask(client, q):\n    return client.generate('Answer: ' + q, max_tokens=5)\n"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHARTER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def agent(tmp_path: Path) -> str:
    path = tmp_path / "agent.py"
    path.write_text(AGENT)
    return str(path)


def refused(request: CompileRequest) -> UsageError:
    with pytest.raises(UsageError) as raised:
        compile_paths(request)
    return raised.value


def test_a_result_tells_what_was_compiled_and_what_was_kept(agent: str) -> None:
    request = CompileRequest(paths=(agent,))
    first, second = compile_paths(request), compile_paths(request)
    assert (first.compiled, first.cached) == (1, 0)
    assert (second.compiled, second.cached) == (0, 1)
    assert second.result == first.result


def test_without_the_cache_everything_is_compiled(agent: str) -> None:
    request = CompileRequest(paths=(agent,), use_cache=False)
    assert [compile_paths(request).compiled for _ in range(2)] == [1, 1]


def test_a_file_that_is_broken_has_its_errors_in_the_result(agent: str) -> None:
    Path(agent).write_text("def f(:")
    assert compile_paths(CompileRequest(paths=(agent,))).result.files[0].errors


def test_other_recognisers_are_another_compilation(agent: str, tmp_path: Path) -> None:
    config = tmp_path / "charter.toml"
    config.write_text('[[recognizers.families]]\nname = "mine"\nfunctions = ["ask"]\n')
    compile_paths(CompileRequest(paths=(agent,)))
    assert compile_paths(CompileRequest(paths=(agent,), config=str(config))).compiled == 1


def test_another_tokenizer_at_the_same_path_is_another_compilation(
    agent: str, tmp_path: Path
) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    tokenizer.write_bytes(tokenizer_path().read_bytes())
    request = CompileRequest(paths=(agent,), tokenizer=str(tokenizer))
    assert [compile_paths(request).compiled for _ in range(2)] == [1, 0]
    other = Tokenizer.from_file(str(tokenizer))
    other.add_tokens(["Answer"])
    other.save(str(tokenizer))
    assert compile_paths(request).compiled == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [("x = ", "not TOML"), ("recognizers = 3\n", "must be a table"), (None, "No such file")],
)
def test_a_config_that_cannot_be_used_is_named(
    agent: str, tmp_path: Path, text: str | None, words: str
) -> None:
    config = tmp_path / "charter.toml"
    if text is not None:
        config.write_text(text)
    error = refused(CompileRequest(paths=(agent,), config=str(config)))
    assert str(config) in error.message
    assert words in error.message


def test_a_missing_path_and_a_missing_tokenizer_are_named(agent: str) -> None:
    missing = refused(CompileRequest(paths=(agent, "nowhere.py")))
    assert "nowhere.py: no such file" in missing.message
    missing = refused(CompileRequest(paths=(agent,), tokenizer="nowhere.json"))
    assert "nowhere.json" in missing.message


def test_progress_counts_files_and_ends_complete(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a{number}.py").write_text(AGENT)
    told: list[Progress] = []
    compile_paths(CompileRequest(paths=(str(tmp_path),)), told.append)
    assert [(one.done, one.total) for one in told] == [(1, 3), (2, 3), (3, 3)]


def test_what_progress_raises_ends_the_work_and_keeps_what_was_done(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a{number}.py").write_text(AGENT)

    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    request = CompileRequest(paths=(str(tmp_path),))
    with pytest.raises(KeyboardInterrupt):
        compile_paths(request, stop)
    assert compile_paths(request).cached == 1


def test_a_line_is_explained(agent: str) -> None:
    found = explain(ExplainRequest(path=agent, line=2))
    assert (found.path, found.line) == (agent, 2)
    assert "is a call" in found.reasons[0]


@pytest.mark.parametrize(("line", "words"), [(0, "count from 1"), (3, "ends at line 2")])
def test_a_line_that_a_file_does_not_have_is_refused(agent: str, line: int, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        explain(ExplainRequest(path=agent, line=line))


def test_a_folder_has_no_lines_to_explain(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a file"):
        explain(ExplainRequest(path=str(tmp_path), line=1))


def test_a_file_that_cannot_be_compiled_is_explained_by_its_error(agent: str) -> None:
    Path(agent).write_text("x = 1\ndef f(:")
    with pytest.raises(CharterError, match=r"agent\.py:2:\d+: Syntax error") as raised:
        explain(ExplainRequest(path=agent, line=1))
    assert raised.value.kind == "failed"


def test_the_cache_is_pruned_and_cleared(agent: str) -> None:
    compile_paths(CompileRequest(paths=(agent,)))
    assert cache_status().status.results == 1
    assert prune_cache(30).removed == 0
    assert prune_cache(0).removed == 1
    compile_paths(CompileRequest(paths=(agent,)))
    assert clear_cache().status.results == 0


def test_a_negative_age_is_refused() -> None:
    with pytest.raises(UsageError, match="negative"):
        prune_cache(-1)


def test_a_prompt_in_a_file_is_explained_from_a_folder_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "rules.md").write_text("Name the berth.")
    (folder / "agent.py").write_text(
        "from pathlib import Path\n"
        'RULES = (Path(__file__).parent / "rules.md").read_text()\n'
        "def ask(client):\n    return client.generate(RULES, max_tokens=5)\n"
    )
    monkeypatch.chdir(tmp_path)
    found = explain(ExplainRequest(path="shop/agent.py", line=4, package="shop"))
    assert "rules.md, line 1" in found.reasons[1]
