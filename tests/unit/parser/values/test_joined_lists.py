"""Lists that are one or the other, by the way the program took."""

from tests.unit.parser.compiled import compiled, edges


def test_a_list_that_a_loop_makes_anew_of_others_may_begin_with_their_members() -> None:
    file = compiled("""
        import openai

        def ask(prompt):
            return openai.Completion.create(model="m", prompt=prompt)["choices"][0]

        def solve(problem):
            paths = [[]]
            for _ in range(3):
                found = []
                for path in paths:
                    thought = ask(f"Go on: {problem} {path}")
                    found.append((len(thought), [*path, thought]))
                paths = [path for _, path in sorted(found)[:3]]
            return ask(f"Sum up: {problem} {paths[0]}")

        print(solve(input()))
        """)
    assert edges(file) == {(12, 12, "loop"), (12, 15, "data")}
