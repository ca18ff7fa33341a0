"""The page's markup: nothing from outside, nothing that data could open or close."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markupsafe import Markup

from components.fairness_report import rendering as page
from components.fairness_report.rendering import content_policy, embed, environment, interval, with_unit
from models.formats.texts import inert

HOSTILE = "</script><script>alert(1)</script><!-- & \u2028 ' \" ü"


class Reader(HTMLParser):
    """Collects elements with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, Any]]] = []
        # A browser ends a script at the first end tag, whatever stands before it.
        self.scripts = re.findall(r"<script[^>]*>(.*?)</script", text, re.DOTALL | re.IGNORECASE)
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def read(report: Any, refused: Any) -> Reader:
    return Reader(report(refused).read_text(encoding="utf-8"))


def test_embedded_json_says_the_same_and_holds_no_markup() -> None:
    text = str(embed({HOSTILE: [HOSTILE, 1.5, None]}))
    assert json.loads(text) == {inert(HOSTILE): [inert(HOSTILE), 1.5, None]}
    assert not set("<>&\u2028") & set(text)
    assert str(embed([float("nan")])) == "[null]"


def test_every_script_that_runs_is_listed_by_its_hash(read: Reader) -> None:
    policy = next(a["content"] for t, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    kinds = [attributes.get("type") for tag, attributes in read.elements if tag == "script"]
    assert kinds[-2:] == ["text/plain", None] and set(kinds[:-2]) == {"application/json"}
    for script in read.scripts[-2:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy and "http" not in policy and "connect-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]


def test_the_page_links_to_files_beside_it_only(read: Reader) -> None:
    for tag, attributes in read.elements:
        for name in ("src", "href"):
            value = attributes.get(name, "")
            assert re.match(r"^(#[a-z]+|model_card\.html|summary\.json|data:,|)$", value), (tag, value)
        assert not [name for name in attributes if name.startswith("on")]


def test_the_verdict_stands_in_the_markup_without_any_script(report: Any, refused: Any) -> None:
    text = report(refused).read_text(encoding="utf-8")
    assert '<h2 id="verdict-title">Refused, and not pushed</h2>' in text
    failed = len(refused.judged.reasons)
    assert text.count("✕ fails") == failed and text.count("✓ holds") == len(refused.judged.bounds) - failed


def test_transfer_and_the_worst_stand_in_the_markup_without_any_script(report: Any, run: Any, swapped: Any) -> None:
    markup = report(swapped).read_text(encoding="utf-8").split('<script type="application/json"')[0]
    transfer = markup.split('id="negative-transfer"')[1].split("</ul>")[0]
    assert (
        transfer.count("<li>Surely") == 2 and '<span class="task">like</span>: error <span class="figure">+' in transfer
    )
    change = markup.split('id="delta-p"')[1].split("</div>")[0]
    assert re.search(r"</abbr> −\d+\.\d % \(−\d+\.\d to −\d+\.\d %\), above 0 is better", change)
    assert "Where most are wrong, by label and group" in markup and "wrong predictions, from" in markup
    markup = report(run).read_text(encoding="utf-8").split('<script type="application/json"')[0]
    assert "None of 2, not even possibly." in markup


def test_a_task_without_any_label_leaves_negative_transfer_undefined(made: Any, report: Any, rows: Any) -> None:
    known = rows.known.copy()
    known[:, 0] = False
    lacking = made.Rows(rows.tasks, rows.labels, known, rows.scores, rows.groups, rows.thresholds)
    text = report(made.run_of(lacking)).read_text(encoding="utf-8")
    assert "Undefined: no label of task `like` is known." in text.split('<script type="application/json"')[0]


def test_a_model_that_passed_and_was_not_pushed_is_not_said_to_be(report: Any, run: Any) -> None:
    import dataclasses

    assert "Passed, and pushed" in report(run).read_text(encoding="utf-8")
    assert "Passed, but not pushed" in report(dataclasses.replace(run, pushed=None)).read_text(encoding="utf-8")


def test_the_policy_names_each_script_once() -> None:
    assert content_policy(["a", "b"]).count("sha256-") == 2


def test_the_cache_notices_an_edited_file_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in page.FOLDER.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(page, "FOLDER", tmp_path)
    fresh = page.assets_hash.__wrapped__
    before = fresh()
    (tmp_path / "base.css").write_text((tmp_path / "base.css").read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert fresh() != before


def test_every_script_and_no_other_file_of_the_folder_is_in_the_page() -> None:
    assert {path.name for path in page.FOLDER.glob("*.js")} == set(page.SCRIPTS)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(page.tfma, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(FileNotFoundError, match="expected TFMA's web components at .*vulcanized_tfma.js"):
        page.components_script.__wrapped__()


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [(0.041, "points", False, "4.1 points"), (-0.041, "points", True, "−4.1 points"), (0.041, "points", True, "+4.1 points"),
     (0.25, "percent", False, "25.0 %"), (-1.25, "change", True, "−1.2 %"), (2.0, "change", True, "+2.0 %"),
     (1951, "count", True, "+1,951"), (1.0333, "ratio", False, "1.033"),
     (None, "ratio", False, "undefined")],
)  # fmt: skip
def test_values_with_their_unit(value: Any, unit: str, signed: bool, text: str) -> None:
    assert with_unit(value, unit, signed) == text


def test_intervals() -> None:
    assert interval(None) == "unbounded"
    assert interval([0.01, 0.05], "points") == "1.0 to 5.0 points"
    assert interval([-1.5, 2.0], "change") == "−1.5 to 2.0 %"
    assert interval([0.9, 1.1]) == "0.900 to 1.100"


def test_signs_that_act_unseen_are_shown_as_escapes() -> None:
    assert json.loads(embed({"a\u202eb": ["\x1b[2J"]})) == {"a\\u202eb": ["\\x1b[2J"]}
    shown = environment().from_string("{{ name }}|{{ markup }}").render(name="<\x07\u2066>", markup=Markup("<b>"))
    assert shown == "&lt;\\x07\\u2066&gt;|<b>"
