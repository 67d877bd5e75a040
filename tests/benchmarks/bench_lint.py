"""How long the lint takes on a file of 500 lines, once it is compiled. Bar: 100 ms."""

import time

from charter_engine.analysis.compile import compile_source
from charter_engine.analysis.lint.check import lint

METHOD = '''
    def ask_{n}(self, document, question):
        """Answer from the document."""
        facts = ", ".join(set(question))
        prompt = f"""{{SYSTEM}}

Document {n}:
{{document}}

Answer the question from the document alone, in one paragraph, and name the sentence you rely on.

Question: {{question}} ({{facts}})

Answer:"""
        answer = self.client.generate(prompt, max_tokens=200)
        self.history.append(answer)
        self.history = self.history[-20:]
        return answer
'''
LINES = 500
ROUNDS = 20


def main() -> None:
    """Print the median over some rounds."""
    source = 'SYSTEM = "You answer questions from documents, soberly."\n\n\nclass Agent:\n'
    number = 0
    while source.count("\n") < LINES:
        source += METHOD.format(n=number)
        number += 1
    compiled = compile_source("agent.py", source)
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        findings = lint(compiled, source)
        times.append(time.process_time() - started)
    median = sorted(times)[len(times) // 2]
    print(
        f"lint of {source.count(chr(10))} lines, {len(compiled.calls)} calls, "
        f"{len(findings)} findings: {median * 1000:.1f} ms of CPU time (bar 100 ms)"
    )


if __name__ == "__main__":
    main()
