"""What is known of a list that a function makes on either of two ways."""

from tests.unit.parser.compiled import flows


def test_a_text_that_one_call_of_a_function_has_put_there_is_there_beside_that_of_another() -> None:
    source = """
    KNOWN = ("art", "law")

    def sorted_out(found):
        kept = []
        for one in found:
            if one in KNOWN:
                kept.append(one)
        return kept

    def choose(question):
        named = sorted_out([one for one in KNOWN if one in question])
        if named:
            return named
        return sorted_out(ask(f"Which of these is it about? {question}").split())

    def write(question):
        return [ask(f"Write of {one}") for one in choose(question)]

    print(write(input()))
    """
    assert flows(source) == {"choose > write"}
