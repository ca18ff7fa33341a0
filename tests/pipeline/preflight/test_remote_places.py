"""Places of other file systems: each a sentence within the time that is given them."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.reading import remote
from pipeline.preflight import patience, remote_places
from pipeline.settings.config import load
from tests.pipeline.preflight.conftest import Written


@pytest.mark.parametrize("path", ["foo://host/x.csv", "s3://bucket/x.csv", "hdfs://host/x.csv"])
def test_a_scheme_without_a_file_system_through_the_command(written: Written, path: str) -> None:
    written.content["log"]["sources"][0]["files"] = [path]
    written.write()
    printed = written.refused()
    assert f"log.sources[0].files[0]: {path}: " in printed and "copy the files to this machine" in printed
    assert "Warning" not in printed and len(printed.splitlines()) == 1


def test_a_place_that_does_not_answer_is_not_waited_for_longer() -> None:
    with patience.limited("gs://b/x"):
        # What is imported once takes seconds, which are not the place's.
        start = time.monotonic()
    told = r"gs://b/x: it cannot be reached from here; look after the network .* \(waited 0 s\)"
    with pytest.raises(LogError, match=told), patience.limited("gs://b/x", 0.2):
        while True:
            try:
                time.sleep(5)
            except Exception:  # As libraries do that try again.
                continue
    assert time.monotonic() - start < 4


def test_what_libraries_say_of_credentials_is_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LogError, match="no credentials for it were found; log in"), patience.limited("gs://b/x", 0.2):
        logging.getLogger("apache_beam").warning("Unable to find default credentials to use")
        time.sleep(5)
    assert capsys.readouterr().err == ""


def test_in_time_nothing_is_said_and_nothing_stays() -> None:
    handlers = list(logging.getLogger().handlers)
    with patience.limited("gs://b/x", 0.1):
        pass
    time.sleep(0.2)
    assert logging.getLogger().handlers == handlers


def test_one_place_of_each_bucket_until_the_first_that_fails(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def match(pattern: str, most: Any = None) -> list[Any]:
        asked.append(pattern)
        if "/b/" in pattern:
            raise LogError(f"{pattern}: it cannot be reached from here")
        return []

    monkeypatch.setattr(remote, "match", match)
    written.content["log"]["sources"][0]["files"] = ["gs://a/1.csv", "gs://a/2.csv", "gs://b/3.csv", "gs://c/4.csv"]
    written.content["data_schema"] = "gs://d/schema.pbtxt"
    settings = load(written.write())
    assert list(remote_places.problems(settings)) == [
        "log.sources[0].files[2]: gs://b/3.csv: it cannot be reached from here"
    ]
    assert asked == ["gs://a/1.csv", "gs://b/3.csv"]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ("DefaultCredentialsError: could not find credentials", "no credentials for it were found; log in"),
        ("Forbidden: 403 GET https://storage", "this user may not read it; ask its owner"),
        ("NotFound: 404 no such bucket", "there is no such bucket or file; correct the name"),
        ("RetryError: Timeout of 120.0s exceeded", "it cannot be reached from here; look after the network"),
        ("OddError: " + "x " * 500, "expected a place that can be read. Received: OddError"),
    ],
)
def test_reasons(told: str, sentence: str) -> None:
    found = remote.sentence("gs://b/x.csv", told)
    assert found.startswith(f"gs://b/x.csv: {sentence}") and len(found) < 500
