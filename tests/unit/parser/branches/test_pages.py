"""Pages of Streamlit's: an event of the user's runs the page from its beginning."""

import pytest

from tests.unit.parser.compiled import flows

PAGE = """
import streamlit as st

def first():
    return ask("Plan the next day in a few plain words, hour by hour.")

def second():
    return ask(f"Write a letter about this plan: {st.session_state.plan}")

"""

RUN_ANEW = """
if st.session_state.goal:
    st.session_state.plan = first()
    END
if st.session_state.plan:
    second()
"""

LATER = {"first > second, later"}
AT_ONCE = {"first > second"}


@pytest.mark.parametrize(
    "end", ["st.rerun()", "st.experimental_rerun()", "st.stop()", 'st.switch_page("b.py")']
)
def test_what_a_page_keeps_before_its_run_ends_is_there_in_a_later_run(end: str) -> None:
    assert flows(PAGE + RUN_ANEW.replace("END", end)) == LATER


@pytest.mark.parametrize("end", ["st.write(1)", "scheduler.stop()"])
def test_what_a_page_keeps_reaches_what_follows_at_once(end: str) -> None:
    assert flows(PAGE + RUN_ANEW.replace("END", end)) == AT_ONCE


EVENTS = """
columns = st.columns(2)
if st.button("Plan"):
    st.session_state.plan = first()
AGAIN
    second()
"""


@pytest.mark.parametrize(
    "again",
    [
        'if st.button("Write"):',
        'if st.sidebar.button("Write"):',
        'if columns[1].button("Write") and st.session_state.plan:',
        'if st.form_submit_button("Write"):',
        'if text := st.chat_input("What else?"):',
        'text = st.chat_input("What else?")\nif text:',
        'with st.form("more"):\n    is_sent = st.form_submit_button("Write")\nif is_sent:',
    ],
)
def test_what_one_event_of_a_page_keeps_reaches_another_in_a_later_run(again: str) -> None:
    assert flows(PAGE + EVENTS.replace("AGAIN", again)) == LATER


def test_events_of_a_page_may_stand_in_functions() -> None:
    page = """
def tell():
    if st.button("Write"):
        second()

if st.button("Plan"):
    st.session_state.plan = first()
tell()
"""
    assert flows(PAGE + page) == LATER


@pytest.mark.parametrize(
    "again",
    ["if st.session_state.plan:", 'if st.checkbox("Write"):', 'if not st.button("Write"):'],
)
def test_what_an_event_of_a_page_keeps_reaches_what_is_no_event_at_once(again: str) -> None:
    assert flows(PAGE + EVENTS.replace("AGAIN", again)) == AT_ONCE


def test_a_button_of_another_library_runs_nothing_anew() -> None:
    page = "kept = {}\n" + PAGE + EVENTS.replace("AGAIN", 'if st.button("Write"):')
    page = page.replace("import streamlit as st", "import panels as st")
    assert flows(page.replace("st.session_state.plan", 'kept["plan"]')) == AT_ONCE


def test_what_a_button_in_a_loop_adds_before_the_run_ends_is_there_in_a_later_run() -> None:
    page = """
    import streamlit as st

    def first():
        return ask("Name three questions about this city, one in each line.")

    def second(messages):
        return ask(f"Answer this question in a few plain words: {messages}")

    if "messages" not in st.session_state:
        st.session_state.messages = []
    if st.button("Think"):
        st.session_state.questions = first().split("\\n")
    for one in st.session_state.questions:
        if st.button(one):
            st.session_state.messages.append({"role": "user", "content": one})
            st.rerun()
    if st.session_state.messages:
        second([st.session_state.messages[-1]])
    """
    assert flows(page) == LATER


@pytest.mark.parametrize("begin", ["", "def tell():\n"])
def test_what_an_event_of_a_page_keeps_reaches_itself_in_a_later_run(begin: str) -> None:
    page = """
if "messages" not in st.session_state:
    st.session_state.messages = []
BEGIN
    if text := st.chat_input("What now?"):
        st.session_state.messages.append(text)
        told = ask(f"Answer the last of these in a few words: {st.session_state.messages}")
        st.session_state.messages.append(told)
END
"""
    page = page.replace("BEGIN", begin or "if True:").replace("END", "tell()" if begin else "")
    place = "tell" if begin else "<module>"
    assert flows("import streamlit as st\n" + page) == {f"{place} > {place}, later"}
