"""Sources written for a newer Python than the one that runs."""

from tests.unit.parser.compiled import compiled, only


def test_free_f_strings_keep_their_texts_and_lines() -> None:
    file = compiled(
        """
        def ask(client, facts):
            prompt = f"Facts: {"\\n".join(facts["list"])}. It's said by {facts["who"]}"
            return client.chat.completions.create(messages=[{"role": "user", "content": prompt}])
        """
    )
    call = only(file)
    assert not file.errors
    assert call.line == 4
    assert [segment.text for segment in call.segments if segment.kind == "static"] == [
        "Facts: ",
        ". It's said by ",
    ]
    assert call.segments[3].name == "who"


def test_generics_and_type_aliases_are_read() -> None:
    file = compiled(
        """
        type Text = str

        class Store[T]:
            def ask[K](self, client, key: K) -> Text:
                return client.responses.create(input=f"Look up {key}")
        """
    )
    assert not file.errors
    assert (only(file).line, only(file).function) == (6, "Store.ask")


def test_what_no_version_reads_is_refused_with_its_line() -> None:
    file = compiled('x = 1\ny = f"{a["b"}"\n')
    assert file.errors[0].line == 2
    assert file.errors[0].remedy


def test_deep_nesting_is_refused_before_it_ends_the_process() -> None:
    source = 'x = f"{a["b"]}"\ny = ' + "(" * 50_000 + "1" + ")" * 50_000
    assert compiled(source).errors


def test_brackets_in_comments_open_nothing() -> None:
    filler = "\n".join(f"x{number} = {number}" for number in range(1_000))
    file = compiled(
        "def first[T](items: list[T]) -> T:\n    return items[0]\n"
        f"# a smiley :( and a list [\n{filler}\n"
        "import openai\nopenai.responses.create(input='Say hello')\n"
    )
    assert not file.errors
    assert len(file.calls) == 1


def test_several_exceptions_need_no_brackets() -> None:
    file = compiled(
        """
        def ask(client, facts):
            try:
                return client.responses.create(input=f"Sum up: {facts}")
            except ValueError, socket.Timeout:
                return None
        """
    )
    assert not file.errors
    assert only(file).line == 4


def test_an_exception_named_after_a_comma_is_python_2() -> None:
    file = compiled("try:\n    ask()\nexcept ValueError, e:\n    pass\n")
    assert file.errors[0].line == 3
    assert "Python 2" in file.errors[0].remedy


def test_a_template_string_is_read_as_its_parts() -> None:
    file = compiled(
        """
        def ask(client, facts):
            return client.responses.create(input=t"Sum up {facts!s:>8} in a line")
        """
    )
    assert [segment.text for segment in only(file).segments if segment.kind == "static"] == [
        "Sum up ",
        " in a line",
    ]


def test_a_backslash_in_an_f_string_of_a_field_is_read() -> None:
    file = compiled(
        '''
        def ask(client, pairs):
            prompt = f"""Known:
            {' '.join([f'Q: {q}\\nA: {a}' for q, a in pairs])}
            """
            return client.chat.completions.create(messages=[{"role": "user", "content": prompt}])
        '''
    )
    assert not file.errors
    assert only(file).line == 6
