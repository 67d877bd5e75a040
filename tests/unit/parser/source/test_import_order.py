"""Files of a package in the order in which Python runs them."""

import ast

from charter_engine.parser.source.import_order import in_turn
from charter_engine.parser.source.symbols import Module, index_module

SOURCES = {
    "src/app.py": ("src.app", "from src.rag import memory\nfrom src.rag.ask import ask"),
    "src/rag/__init__.py": ("src.rag", "from .memory import Memory\nmemory = Memory()"),
    "src/rag/ask.py": ("src.rag.ask", "from . import memory"),
    "src/rag/memory.py": ("src.rag.memory", "class Memory: ..."),
}


def test_a_package_runs_before_what_imports_a_module_of_it() -> None:
    modules = {
        name: index_module(path, name, ast.parse(text)) for path, (name, text) in SOURCES.items()
    }

    def meant(_: Module, dotted: str) -> Module | None:
        return modules.get(dotted)

    found = in_turn([modules["src.rag.ask"], modules["src.app"]], meant)
    assert [one.name for one in found] == ["src.rag.memory", "src.rag", "src.rag.ask", "src.app"]
