"""Data that means harm, and data that lacks something: the page stays whole and runs nothing but its own script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.fairness_report.inputs import read_inputs
from components.fairness_report.summary import compose
from tests.components.fairness_report.evaluations import GROUPS, HARM, IMAGE, TASKS

# Gives a field a value, as a hand would.
SET = """const field = document.getElementById(arguments[0]);
field.value = arguments[1];
field.dispatchEvent(new Event(arguments[2]))"""

# Every element of the page and of the components in it.
EVERYTHING = """const all = [];
(function walk(root) {
  root.querySelectorAll('*').forEach((node) => { all.push(node); if (node.shadowRoot) walk(node.shadowRoot); });
})(document);
"""


def look_everywhere(browser: Any, tasks: list[str]) -> None:
    """Opens what can be opened, and chooses what can be chosen."""
    browser.wait(
        "return document.querySelector('#data-groups table') && document.querySelector('#training-charts svg')"
    )
    browser.run("document.getElementById('components').scrollIntoView({behavior: 'instant'})")
    browser.wait("return document.querySelector('#score-plots')?.childElementCount")
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    boxes = browser.run(
        "return [...document.querySelectorAll('select')].map((s) => [s.id, [...s.options].map((o) => o.value)])"
    )
    assert len(boxes) >= 10
    for box, values in boxes:
        for value in [*values[1:], values[0]]:
            browser.run(SET, box, value, "change")
    browser.run("document.querySelectorAll('.point').forEach((p) => p.dispatchEvent(new MouseEvent('click')))")
    browser.wait("return document.querySelector('#slicing-metrics').childElementCount")
    browser.run("return new Promise((done) => setTimeout(done, 500))")


def check_nothing_ran(browser: Any, page: Path) -> None:
    assert browser.errors() == []
    assert browser.requests == [page.as_uri()]
    scripts, images, handlers = browser.run(
        EVERYTHING + "return [all.filter((n) => n.localName === 'script').map((n) => n.type || 'runs'), "
        "all.filter((n) => n.localName === 'img' && n.hasAttribute('src')).map((n) => n.outerHTML), "
        "all.flatMap((n) => n.getAttributeNames()).filter((name) => name.startsWith('on'))]"
    )
    assert scripts.count("runs") == 2 and set(scripts) == {"runs", "application/json", "text/plain"}
    assert images == [] and handlers == []


@pytest.fixture(scope="module")
def hostile(evaluated: Any, report: Any) -> Path:
    """The report of the Evaluator's own figures, with harm in every text that a run can bring."""
    run = read_inputs(evaluated.settings, evaluated.artifacts, f"2026 {HARM}")
    run.counts["warnings"].append(f"Warning {IMAGE}")
    run.settings.run["note"] = {HARM: IMAGE}
    return report(run, frontier=f"arfg,are,{HARM}\n0.5,1,{IMAGE}\n")


def test_harmful_names_are_shown_and_do_nothing(browser: Any, hostile: Path) -> None:
    browser.open(hostile)
    look_everywhere(browser, TASKS)
    check_nothing_ran(browser, hostile)
    text = browser.run("return document.body.innerText")
    for name in (HARM, IMAGE, *TASKS, *GROUPS, "only positives", "a:b, c"):
        assert name in text, name
    browser.picture("report-hostile-1280")


def test_harmful_names_break_no_layout_on_a_phone(browser: Any, hostile: Path) -> None:
    browser.open(hostile, width=390)
    look_everywhere(browser, TASKS)
    check_nothing_ran(browser, hostile)
    browser.picture("report-hostile-390")
    assert browser.run("return document.documentElement.scrollWidth") == 390


def test_a_harmful_model_card_does_nothing(browser: Any, hostile: Path) -> None:
    card = hostile.parent / "model_card.html"
    browser.open(card)
    assert browser.errors() == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [card.as_uri()]
    assert browser.run("return document.scripts.length") == 0
    assert HARM in browser.run("return document.body.innerText")


def test_a_group_without_negatives_is_undefined_and_says_so(browser: Any, hostile: Path) -> None:
    browser.open(hostile)
    browser.wait("return document.querySelector('#rate-table')")
    row = browser.run("return document.querySelector('#rate-table tr[data-group=\"only positives\"]').innerText")
    assert "undefined" in row and "few" in row
    browser.wait("return document.getElementById('threshold-table')")
    row = browser.run("return document.querySelector('#threshold-table tr[data-group=\"only positives\"]').innerText")
    assert "undefined" in row


def test_fairness_indicators_shows_bars_of_harmful_slices(browser: Any, hostile: Path, evaluated: Any) -> None:
    browser.open(hostile)
    browser.wait("return document.querySelector('#training-charts svg')")
    browser.run("document.getElementById('components').scrollIntoView({behavior: 'instant'})")
    # Overall and three groups with negatives, of both models: NaN has no bar.
    shown = EVERYTHING + (
        "return all.filter((n) => n.localName === 'rect' && n.getBoundingClientRect().height > 1 && "
        "n.getRootNode().host?.localName === 'fairness-bounded-value-bar-chart').length"
    )
    browser.wait(shown.replace("return all", "return 8 <= all"))
    assert browser.run(shown) == 2 * (1 + len(GROUPS["who"]) - 1)


def test_undefined_figures_everywhere(browser: Any, report: Any, made: Any) -> None:
    rows = made.random_rows(["a", "b"], {"g": ["x", "y"]}, n=300)
    rows.labels[:, 0] = 1
    rows.scores[1, :, 1] = rows.labels[:, 1] * 0.8 + 0.1005
    page = report(made.run_of(rows))
    browser.open(page)
    look_everywhere(browser, rows.tasks)
    check_nothing_ran(browser, page)
    summary = compose(made.run_of(rows))
    assert summary["arfg"]["value"] is None and summary["are"]["value"] is None
    assert "undefined" in browser.run("return document.getElementById('tile-arfg').innerText")
    assert "there is nothing to draw" in browser.run("return document.getElementById('tradeoff').innerText")


def test_one_task_one_group_value(browser: Any, report: Any, made: Any) -> None:
    rows = made.random_rows(["only"], {"g": ["x", "y"]}, n=300)
    rows.groups["g"][:] = "x"
    rows.known[: len(rows.known) // 2] = False
    page = report(made.run_of(rows))
    browser.open(page)
    look_everywhere(browser, rows.tasks)
    check_nothing_ran(browser, page)
    assert browser.run("return document.querySelectorAll('#rate-table tbody tr').length") == 1


def test_rows_without_any_known_label(browser: Any, report: Any, made: Any) -> None:
    rows = made.random_rows(["a", "b"], {"g": ["x", "y"]}, n=300)
    rows.known[:, 1] = False
    page = report(made.run_of(rows))
    browser.open(page)
    look_everywhere(browser, rows.tasks)
    check_nothing_ran(browser, page)


def test_scores_at_the_ends_of_the_scale(browser: Any, report: Any, made: Any) -> None:
    rows = made.random_rows(["a"], {"g": ["x", "y"]}, n=300)
    rows.scores[:] = np.where(rows.scores > 0.5, 1.0, 0.0)
    page = report(made.run_of(rows))
    browser.open(page)
    look_everywhere(browser, rows.tasks)
    check_nothing_ran(browser, page)
    # A score of 0 is above no threshold.
    ones = [
        np.mean(rows.scores[0, (rows.labels[:, 0] == 0) & rows.known[:, 0] & (rows.groups["g"] == g), 0]) for g in "xy"
    ]
    for value, rates in ((0, ones), (1, [0, 0])):
        browser.run(SET, "threshold-slider", value, "input")
        found = browser.run(
            "return [...document.querySelectorAll('#threshold-table .fpr')].map((n) => n.dataset.value)"
        )
        assert [float(rate) for rate in found] == pytest.approx(rates)
