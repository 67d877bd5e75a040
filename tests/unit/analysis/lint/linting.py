"""Compiling and linting a source given as text."""

from textwrap import dedent, indent

from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.lint.check import lint
from charter_engine.analysis.lint.custom import LintConfig
from charter_engine.analysis.lint.fixes import Fixed, fix
from charter_engine.contracts.lint import Finding

SYSTEM = (
    "You are a careful analyst who reads documents and reports only what they say, in plain "
    "and sober words."
)


def agent(body: str, *, head: str = "") -> str:
    """A module with a method `ask(self, document, question)` that holds `body`."""
    return (
        dedent(head)
        + f'SYSTEM = """{SYSTEM}"""\n\n\nclass Agent:\n    def ask(self, document, question):\n'
        + indent(dedent(body).strip(), " " * 8)
        + "\n"
    )


def findings(source: str, config: LintConfig | None = None) -> tuple[Finding, ...]:
    return lint(compile_source("agent.py", source), source, config)


def rules(source: str, config: LintConfig | None = None) -> set[str]:
    return {finding.rule for finding in findings(source, config)}


def fixed(source: str) -> Fixed:
    return fix(
        compile_source("agent.py", source), source, lambda text: compile_source("agent.py", text)
    )
