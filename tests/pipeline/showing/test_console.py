"""The console: what it is handed is shown, and does nothing."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from pipeline.showing.console import fail, new_console, short


def printed(*objects: object, width: int = 200) -> str:
    out = io.StringIO()
    new_console(file=out, width=width).print(*objects)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x07a\rb", r"\x1b[2J\x07a\rb"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\u200bb\u2028c\udcffd", r"a\u200bb\u2028c\udcffd"),
        ("[/x] [bold]a[/bold] :smile:", "[/x] [bold]a[/bold] :smile:"),
        ("性别 é 👩\u200d🔬 می\u200cخواهم", "性别 é 👩\u200d🔬 می\u200cخواهم"),
    ],
)
def test_signs_that_act_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printed(text) == shown + "\n"
    table = Table(text)
    table.add_row(text)
    assert "\x1b" not in printed(table) and "\u202e" not in printed(table)


def test_a_failure_is_ten_lines_at_most() -> None:
    out = io.StringIO()
    fail(new_console(file=out, width=80), "cannot run:", "\n".join(f"line {i} " + "word " * 40 for i in range(50)))
    assert out.getvalue().count("\n") <= 10 and out.getvalue().rstrip().endswith("more lines")


def test_long_words_and_lines_keep_both_ends() -> None:
    message = short("expected a number. Received: '" + "a" * 3000 + "'; correct row 7")
    assert len(message) < 260 and message.endswith("a'; correct row 7") and "…" in message
    assert len(short("word " * 300)) <= 480


def test_a_short_message_is_told_as_it_is() -> None:
    message = "run.yaml: 2 things to mend:\n  tasks[0]: a\n  tasks[1]: b"
    assert short(message) == message
