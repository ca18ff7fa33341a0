"""The words of our own errors survive whatever wraps them."""

import shutil
import traceback
from pathlib import Path

import pytest

from components.interaction_log_gen.errors import LogError
from pipeline.running import shortages
from pipeline.running.failures import ROOT, end_of, sentence


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
    from pipeline.settings.config import ConfigError, load

    with pytest.raises(ConfigError) as error:
        load("/nowhere/dataset.yaml")
    wrapped = _raised(error.value, RuntimeError("failed"))
    assert sentence(wrapped) == str(error.value)


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/runs/x.gz.partial; No space left on device", "no space left on device: "),
        ("database or disk is full", "no space left on device: "),
        ("[Errno 24] Too many open files: '/x'", "too many files were open at once"),
        ("can't start new thread", "no more processes or threads could be started"),
        ("[Errno 27] File too large", "a file grew larger than it may"),
        ("std::bad_alloc", "there was not enough memory"),
    ],
)
def test_what_ran_out_is_told_and_not_all_that_follows_on_it(text: str, told: str) -> None:
    wrapped = _raised(OSError(text), RuntimeError(f"failed with {'x' * 850_000}"))
    found = sentence(wrapped)
    assert found.startswith(told) and "run the same command again" in found and len(found) < 500


def test_a_full_place_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setenv("FAIR_RUNS_DIR", str(tmp_path / "runs"))
    full = {tmp_path: usage._replace(free=3 << 20)}
    monkeypatch.setattr(shortages.shutil, "disk_usage", lambda path: full.get(path, usage._replace(free=9 << 30)))
    found = sentence(OSError(28, "No space left on device"))
    assert f"FAIR_RUNS_DIR ({tmp_path}) has 3 MiB free; make room there" in found and "TMPDIR" not in found


def test_the_memory_error_that_says_nothing_is_told() -> None:
    assert sentence(MemoryError()).startswith("there was not enough memory")


def test_a_long_error_of_others_is_cut() -> None:
    assert len(sentence(RuntimeError("x" * 850_000))) < 500


def test_how_a_process_ended() -> None:
    killed = end_of(-9, "whatever")
    assert killed.startswith("was killed by signal 9 (SIGKILL); a lack of memory is the usual cause")
    assert "run the same command again" in killed
    assert end_of(-15, "") == "was killed by signal 15 (SIGTERM)"
    assert end_of(137, "").startswith("ended with 137: was killed by signal 9 (SIGKILL)")
    assert end_of(1, "one\n\nlast words\n\n") == "ended with 1: last words"
    assert end_of(1, "") == "ended with 1: it said nothing"
    printed = "Traceback (most recent call last):\n" + '  File "/usr/x.py", line 1, in f\n    g()\nKeyError: 3\n'
    assert end_of(1, printed) == "ended with 1: KeyError: 3"
    assert end_of(1, "OSError: [Errno 28] No space left on device").startswith("ended with 1: no space left on device")


@pytest.mark.parametrize("value", ["out of memory", "No space left on device", "MemoryError", "Too many open files"])
def test_a_value_of_the_data_that_reads_like_a_shortage_is_none(value: str) -> None:
    words = f"log.csv: column `x`, row 7: expected a number. Received: {value!r}"
    try:
        try:
            float(value)
        except ValueError as error:
            raise LogError(words) from error
    except LogError as error:
        assert sentence(error) == words
