"""The words of our own errors survive whatever wraps them."""

import traceback

import pytest

from components.interaction_log_gen.errors import LogError
from pipeline.failures import ROOT, sentence


def _raised(*errors: BaseException, suppress: bool = False) -> BaseException:
    """The last error, raised from the one before it, and so on."""
    last: BaseException | None = None
    for error in errors:
        try:
            if suppress:
                try:
                    raise last or KeyError("below")
                except BaseException:
                    raise error from None
            raise error from last
        except BaseException as raised:
            last = raised
    assert last is not None
    return last


def test_the_outermost_of_our_errors_tells() -> None:
    told = LogError("log.csv: row 3: expected a number")
    assert sentence(_raised(KeyError("x"), told, RuntimeError("failed"))) == str(told)


def test_a_suppressed_context_says_nothing() -> None:
    assert sentence(_raised(LogError("a"), RuntimeError("b"), suppress=True)) == "RuntimeError: b"


def test_without_any_of_ours_the_innermost_tells() -> None:
    assert sentence(_raised(KeyError("x"), RuntimeError("failed"))) == "KeyError: 'x'"
    assert sentence(RuntimeError()) == "RuntimeError"


def test_beams_step_is_left_out() -> None:
    assert sentence(LogError("age: a text [while running 'Read/Map']")) == "age: a text"
    assert (
        sentence(ValueError("column `age` is missing [while running 'Read']")) == "ValueError: column `age` is missing"
    )


def test_an_error_is_ours_where_our_code_raised_it() -> None:
    from pipeline.config import ConfigError, load

    with pytest.raises(ConfigError) as error:
        load("/nowhere/dataset.yaml")
    wrapped = _raised(error.value, RuntimeError("failed"))
    assert sentence(wrapped).startswith("/nowhere/dataset.yaml: no such file")


def test_tracebacks_of_other_processes_are_read() -> None:
    told = LogError("log.csv: row 3: expected a number,\nand no text: with a colon")
    inner = _raised(KeyError("x"), told, LogError(f"{told} [while running 'Read']"))
    printed = "".join(traceback.format_exception(inner))
    assert "direct cause" in printed
    outer = RuntimeError(f"Error received from SDK harness for instruction 5: {printed}")
    assert sentence(_raised(outer)) == str(told)
    assert sentence(_raised(outer, RuntimeError("failed"))) == str(told)


def test_a_text_that_only_looks_like_a_traceback_is_told_as_it_is() -> None:
    text = "the worker said: Traceback (most recent call last):\n"
    assert sentence(RuntimeError(text)) == f"RuntimeError: {text.strip()}"


def test_a_printed_error_is_ours_where_our_code_raised_it() -> None:
    frame = f'  File "{ROOT}/components/x.py", line 3, in f\n    raise ValueError("a")\n'
    foreign = '  File "/usr/lib/python3/x.py", line 3, in f\n    raise KeyError\n'
    text = (
        f"failed: Traceback (most recent call last):\n{frame}ValueError: column `a` is missing\n\n"
        f"During handling of the above exception, another exception occurred:\n\n"
        f"Traceback (most recent call last):\n{foreign}KeyError: 'b'\n"
    )
    assert sentence(RuntimeError(text)) == "column `a` is missing"
