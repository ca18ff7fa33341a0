"""The page in a browser that has no network: what it draws, recomputes, sorts and prints."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver.common.keys import Keys

from components.fairness_report import rendering as page
from components.fairness_report.summary import compose

SECTIONS = ["verdict", "rates", "tradeoff", "components", "training", "data", "reading"]
# Elements below a host that match and can be seen, through every shadow root.
DEEP = """const deep = (host, selector) => {
  const found = [];
  (function walk(root) {
    root.querySelectorAll('*').forEach((node) => {
      if (node.matches(selector) && node.getBoundingClientRect().height > 1) found.push(node);
      if (node.shadowRoot) walk(node.shadowRoot);
    });
  })(document.getElementById(host));
  return found;
};
"""


def deep(browser: Any, host: str, selector: str, then: str = ".map((n) => n.textContent.trim())") -> Any:
    return browser.run(f"{DEEP} return deep(arguments[0], arguments[1]){then}", host, selector)


def wait_deep(browser: Any, host: str, selector: str, number: int) -> None:
    """Waits until exactly so many elements can be seen."""
    script = f"{DEEP} return deep(arguments[0], arguments[1]).length === arguments[2]"
    browser.wait(script, host, selector, number)


# Gives a field a value, as a hand would.
SET = """const field = document.getElementById(arguments[0]);
field.value = arguments[1];
field.dispatchEvent(new Event(arguments[2]))"""


def choose(browser: Any, box: str, value: str) -> None:
    browser.run(SET, box, value, "change")


def slide(browser: Any, value: int) -> None:
    browser.run(SET, "threshold-slider", value, "input")


def show(browser: Any, section: str) -> None:
    browser.run("document.getElementById(arguments[0]).scrollIntoView({behavior: 'instant'})", section)


def column(browser: Any, table: str, cell: str) -> list[str]:
    return browser.run(f"return [...document.querySelectorAll('#{table} tbody tr {cell}')].map((n) => n.textContent)")


@pytest.fixture(scope="module")
def pages(report: Any, run: Any, refused: Any) -> dict[str, Path]:
    return {"passed": report(run), "refused": report(refused)}


@pytest.fixture
def opened(browser: Any, pages: dict[str, Path]) -> Any:
    browser.open(pages["passed"])
    browser.wait("return document.querySelector('#rate-table') && document.querySelector('#data-groups table')")
    return browser


@pytest.mark.parametrize("which", ["passed", "refused"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_network_without_errors_and_without_requests(
    browser: Any, pages: dict[str, Path], which: str, width: int
) -> None:
    browser.open(pages[which], width)
    browser.wait(
        "return document.querySelector('#data-groups table') && document.querySelector('#training-charts svg')"
    )
    show(browser, "components")
    browser.wait("return customElements.get('fairness-nb-container') && document.querySelector('#score-plots svg')")
    browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true; }); scrollTo(0, 0)")
    browser.wait("return document.querySelector('#slicing-metrics tfma-nb-slicing-metrics')")
    browser.picture(f"report-{which}-{width}")
    assert browser.errors() == []
    assert browser.requests == [pages[which].as_uri()]
    assert browser.run("return [...document.querySelectorAll('main > section')].map((s) => s.id)") == SECTIONS
    # Nothing sticks out to the right of the page.
    assert browser.run("return document.documentElement.scrollWidth") == width


def test_the_browser_has_no_network(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<img src='http://127.0.0.1:9/a.png'><img src='http://example.org/b.png'>", encoding="utf-8"
    )
    browser.open(tmp_path / "a.html")
    browser.wait("return [...document.images].every((image) => image.complete && image.naturalWidth === 0)")
    assert browser.errors() and len(browser.requests) == 3


def test_the_verdict_is_the_first_thing_on_the_screen(browser: Any, pages: dict[str, Path]) -> None:
    for which, words in (("passed", "Passed, and pushed"), ("refused", "Refused, and not pushed")):
        browser.open(pages[which])
        text, bottom = browser.run(
            "const t = document.querySelector('#verdict h2'); return [t.textContent, t.getBoundingClientRect().bottom]"
        )
        assert text == words and bottom < 300
        assert browser.run("return document.title").startswith(words.split(",")[0])
    assert "in like: " in browser.run("return document.querySelector('.failed').innerText")


def test_the_table_shows_the_rates_of_the_rows(opened: Any, rows: Any) -> None:
    cells = opened.run(
        "return [...document.querySelectorAll('#rate-table tbody tr')].map((r) => [r.dataset.task, r.dataset.group, "
        "r.querySelector('.of').textContent, r.querySelector('.model').textContent])"
    )
    assert [(task, group) for task, group, _, _ in cells] == [(t, g) for t in rows.tasks for g in ("female", "male")]
    for task, group, of, text in cells:
        assert of == f"{rows.count(0, task, 'gender', group):,}"
        assert text.startswith(f"{100 * rows.rate('fpr', 'model', task, 'gender', group):.1f} %")


WORST_ROWS = """return [...document.querySelectorAll('#worst-table tbody tr')].map((row) =>
  [row.dataset.task, row.dataset.metric, ...[...row.querySelectorAll('td.num')].map((cell) => cell.textContent)])"""


def test_the_worst_groups_and_cells_are_those_of_the_summary(opened: Any, run: Any, rows: Any) -> None:
    tasks = compose(run)["tasks"]
    for key in ("gender", "age"):
        choose(opened, "rate-key", key)
        found = opened.run(WORST_ROWS)
        assert [task for task, *_ in found] == [task for task in rows.tasks for _ in range(4)]
        for task, metric, baseline, model, of in found:
            expected = (tasks[task] if key == "gender" else tasks[task]["worst"]["age"])[metric]
            for text, who in ((baseline, "baseline"), (model, "model")):
                value = expected[who]["value"]
                assert text.startswith(f"{100 * value:.1f} %" if "error" in metric else f"{value:.3f}")
                assert expected[who]["group"] in text
            assert int(of.replace(",", "")) > 0
    assert not opened.run("return document.getElementById('worst-left-out')")
    choose(opened, "rate-task", "click")
    assert {task for task, *_ in opened.run(WORST_ROWS)} == {"click"}


def test_cells_that_are_left_out_are_named(browser: Any, report: Any, made: Any, rows: Any) -> None:
    few = rows.groups["gender"].copy()
    few[np.flatnonzero(rows.known[:, 0] & (rows.labels[:, 0] == 0))[:2]] = "<few>"
    groups = {"gender": few}
    changed = made.Rows(rows.tasks, rows.labels, rows.known, rows.scores, groups, rows.thresholds)
    browser.open(report(made.run_of(changed)))
    browser.wait("return document.getElementById('worst-left-out')")
    text = browser.run("return document.getElementById('worst-left-out').textContent")
    assert "left out: fewer than 10 rows" in text and "Error, worst cell: <few>, positives" in text
    assert "AUC, worst cells: <few>, BNSP (like, click)" in text


def test_errors_are_shown_with_their_difference(opened: Any, run: Any) -> None:
    choose(opened, "rate-metric", "error")
    differences = column(opened, "gap-table", "td:last-child")
    for text, figures in zip(differences, compose(run)["tasks"].values(), strict=True):
        assert text.startswith(f"{100 * figures['error_difference']['model']['value']:.1f}".replace("-", "−"))


def test_gates_and_weights_are_drawn_with_their_names(browser: Any, report: Any, made: Any, rows: Any) -> None:
    run = made.run_of(rows)
    for number, record in enumerate(run.training["candidate"]["history"]):
        for task, weight in (("like", 0.1 * number), ("click", 1 - 0.1 * number)):
            record["tasks"][task] = {**record["tasks"][task], "weight": weight, "gates": [0.3, 0.7]}
    run.training["candidate"]["gate_names"] = {"like": ["public", "private of like"]}
    browser.open(report(run))
    browser.wait("return document.querySelector('#training-charts svg') && document.querySelector('#weight-paths svg')")
    assert "click" in browser.run("return document.getElementById('weight-paths').textContent")
    text = browser.run("return document.getElementById('training-charts').textContent")
    assert "What this task’s gate mixes" in text and "private of like" in text and "expert 1" not in text
    choose(browser, "training-task", "click")
    text = browser.run("return document.getElementById('training-charts').textContent")
    assert "Experts that this task’s gate uses" in text and "expert 2" in text
    assert browser.errors() == []


def test_sorting_by_a_column_and_back(opened: Any) -> None:
    opened.run("document.querySelector('[data-sort=model] button').click()")
    values = [float(text.split(" %")[0]) for text in column(opened, "rate-table", ".model")]
    assert values == sorted(values, reverse=True) and len(set(values)) > 1
    assert opened.run("return document.querySelector('[data-sort=model]').getAttribute('aria-sort')") == "descending"
    opened.run("document.querySelector('[data-sort=model] button').click()")
    values = [float(text.split(" %")[0]) for text in column(opened, "rate-table", ".model")]
    assert values == sorted(values)
    assert opened.run("return document.activeElement.parentNode.dataset.sort") == "model"


def test_filters_by_task_group_key_metric_and_name(opened: Any, rows: Any) -> None:
    choose(opened, "rate-task", "click")
    choose(opened, "rate-key", "age")
    assert column(opened, "rate-table", "th") == ["mid", "old", "young"]
    assert set(column(opened, "rate-table", ".task")) == {"click"}
    choose(opened, "rate-metric", "tpr")
    expected = [f"{100 * rows.rate('tpr', 'baseline', 'click', 'age', g):.1f} %" for g in ("mid", "old", "young")]
    assert [text.split(" %")[0] + " %" for text in column(opened, "rate-table", ".baseline")] == expected
    opened.run(SET, "rate-find", "OUN", "input")
    assert column(opened, "rate-table", "th") == ["young"]
    for metric in ("error", "auc", "fpr"):
        choose(opened, "rate-metric", metric)
        assert column(opened, "rate-table", "th") == ["young"]
    assert opened.errors() == []


def test_the_slider_recomputes_what_numpy_says(opened: Any, rows: Any) -> None:
    choose(opened, "threshold-task", "click")
    choose(opened, "threshold-key", "age")
    last = int(opened.run("return document.getElementById('threshold-slider').max"))
    assert last > 400
    for step in (0, last // 5, last // 2, last - 30, last):
        slide(opened, step)
        # What is shown is the threshold whose rates stand below.
        threshold = float(opened.run("return document.getElementById('threshold-output').textContent"))
        assert (step == 0) == (threshold == 0) and (step == last) == (threshold == 1)
        groups = ("mid", "old", "young")
        for kind in ("error", "tpr", "fpr"):
            found = opened.run(
                f"return [...document.querySelectorAll('#threshold-table .{kind}')].map((n) => n.dataset.value)"
            )
            expected = [rows.rate(kind, "model", "click", "age", group, threshold) for group in groups]
            assert [float(value) for value in found] == pytest.approx(expected, abs=1e-9)
        gap = f"{100 * (max(expected) - min(expected)):.1f} points"
        assert opened.run("return document.getElementById('threshold-fpr-gap').textContent") == gap


def test_the_slider_starts_at_the_models_own_threshold_and_returns_to_it(opened: Any, rows: Any) -> None:
    def shown() -> Any:
        return opened.run(
            "return [document.getElementById('threshold-output').textContent, "
            "document.querySelector('#threshold-table .fpr').dataset.value]"
        )

    start = shown()
    assert start[0] == "0.4815"
    assert float(start[1]) == pytest.approx(rows.rate("fpr", "model", "like", "gender", "female"), abs=1e-6)
    slide(opened, 300)
    assert shown() != start
    opened.run("document.getElementById('threshold-reset').click()")
    assert shown() == start
    opened.run("document.querySelector('[name=threshold-who][value=baseline]').click()")
    assert shown()[0] == "0.5123"
    assert float(shown()[1]) == pytest.approx(rows.rate("fpr", "baseline", "like", "gender", "female"), abs=1e-6)


def test_fairness_indicators_shows_a_bar_for_each_slice_it_was_given(opened: Any, run: Any) -> None:
    show(opened, "components")
    for key, groups in (("group/gender", ["female", "male"]), ("group/age", ["mid", "old", "young"])):
        opened.wait("return document.getElementById('component-key')")
        choose(opened, "component-key", key)
        wanted = 2 * (1 + len(groups))
        wait_deep(opened, "fairness-indicators", "svg rect", wanted)
        (table,) = deep(
            opened, "fairness-indicators", "fairness-metrics-table", ".map((n) => n.shadowRoot.textContent)"
        )
        assert [group for group in groups if f"{key}:{group}" in table] == groups
        rates = [
            outputs["like"][""]["fairness_indicators_metrics/false_positive_rate@0.50"]["doubleValue"]
            for model in run.slices.values()
            for slice_key, outputs in model
            if not slice_key or slice_key[0][0] == key
        ]
        heights = deep(opened, "fairness-indicators", "svg rect", ".map((n) => Number(n.getAttribute('height')))")
        np.testing.assert_allclose(np.sort(heights) / max(heights), np.sort(rates) / max(rates), atol=0.01)
    assert opened.errors() == []


def test_tfmas_table_and_bars_show_both_models(opened: Any, run: Any) -> None:
    show(opened, "components")
    opened.wait("return document.getElementById('slicing-details')")
    opened.run("document.getElementById('slicing-details').open = true")
    wait_deep(opened, "slicing-metrics", "tbody tr", 3)
    headers = deep(opened, "slicing-metrics", "thead th")
    assert {"feature", "auc (model)", "auc (single-task)"} <= set(headers)
    cells = deep(opened, "slicing-metrics", "tbody tr", ".map((r) => [...r.children].map((c) => c.textContent))")
    men = next(outputs for key, outputs in run.slices["baseline"] if key == (("group/gender", "male"),))
    auc = men["like"][""]["auc"]["doubleValue"]
    shown = next(cell for cell in cells if cell[0] == "group/gender:male")[headers.index("auc (single-task)")]
    assert float(shown) == pytest.approx(auc, abs=1e-5)
    assert len(deep(opened, "slicing-metrics", "svg rect[data-row]")) == 3
    # Sorting, and choosing a row, are the component's own.
    index = headers.index("auc (model)")
    deep(opened, "slicing-metrics", "thead th button", f"[{index}].click()")
    values = deep(opened, "slicing-metrics", "tbody tr", f".map((r) => Number(r.children[{index}].textContent))")
    assert values == sorted(values) and len(values) == 3
    deep(opened, "slicing-metrics", "tbody tr", "[1].click()")
    assert opened.errors() == []


def test_points_of_the_trade_off_show_their_settings(
    browser: Any, report: Any, made: Any, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.fairness_report import executor

    run = made.run_of(rows, report={"frontier": "f.csv"})
    summary = compose(run)
    settings = {**summary["settings"], "fairness": {"strength": 0.75}}
    other = {**summary, "run": "2025-12-31T00:00:00", "settings": settings, "arfg": {**summary["arfg"], "value": 0.9}}
    monkeypatch.setattr(executor, "earlier_summaries", lambda metadata, pipeline: ([other], 0))
    browser.open(report(run, "metadata.sqlite", "name,arfg,are\nknee,0.7,1.01\nend,0.4,1.2\n"))
    browser.wait("return document.querySelectorAll('#tradeoff-chart .point').length === 4")
    browser.run("document.querySelector('.point.earlier').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
    details = browser.run("return document.getElementById('tradeoff-details').innerText")
    assert "Run of 2025-12-31 00:00:00" in details and "fairness.strength\n0.75 (this run: 0.2)" in details
    assert browser.run("return document.querySelector('.point.earlier').getAttribute('aria-pressed')") == "true"
    # By keyboard.
    node = browser.run("const p = document.querySelector('.point.frontier'); p.focus(); return p")
    node.send_keys(Keys.ENTER)
    assert "knee" in browser.run("return document.getElementById('tradeoff-details').innerText")
    assert browser.run("return document.querySelectorAll('.point[aria-pressed=true]').length") == 1
    assert browser.errors() == []


def test_cells_of_few_rows_are_grey_and_said_to_be(browser: Any, made: Any, report: Any) -> None:
    rows = made.random_rows(["a"], {"g": ["large", "small"]}, n=400)
    rows.groups["g"][:] = "large"
    rows.groups["g"][:20] = "small"
    browser.open(report(made.run_of(rows, report={"min_count": 50})))
    browser.wait("return document.querySelector('#rate-table')")
    assert browser.run("return document.querySelector('#rate-table tr.few').dataset.group") == "small"
    assert "few" in browser.run("return document.querySelector('#rate-table tr.few th').textContent")
    assert "fewer than 50" in browser.run("return document.querySelector('#rates').innerText")
    # What is grey makes no gap in the slider's panel.
    assert browser.wait("return document.getElementById('threshold-fpr-gap')?.textContent") == "undefined"
    assert browser.errors() == []


def test_it_prints(opened: Any) -> None:
    content = opened.pdf("report-passed").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", content)) >= 4
    assert opened.errors() == []


def test_it_can_be_read_by_keyboard(opened: Any) -> None:
    body = opened.run("document.activeElement.blur(); return document.body")
    body.send_keys(Keys.TAB)
    assert opened.run("return document.activeElement.className") == "skip"
    outlines = opened.run(
        "return [...document.querySelectorAll('select, input, nav a, .scroll')].filter((n) => n.checkVisibility())"
        ".map((n) => { n.focus({focusVisible: true}); return getComputedStyle(n).outlineStyle; })"
    )
    assert len(outlines) > 20 and set(outlines) <= {"solid", "auto"}
    named = "n.closest('label') || n.getAttribute('aria-label')"
    assert opened.run(f"return [...document.querySelectorAll('select, input')].every((n) => {named})")
    titled = "document.getElementById(s.getAttribute('aria-labelledby'))"
    assert opened.run(f"return [...document.querySelectorAll('main > section')].every((s) => {titled})")


def test_pictures_are_not_blank(browser: Any, pages: dict[str, Path]) -> None:
    for width in (1280, 390):
        browser.open(pages["passed"], width)
        browser.wait("return document.querySelector('#training-charts svg')")
        with Image.open(browser.picture(f"report-passed-{width}-fresh")) as picture:
            assert picture.width == width and picture.height > 3000
            assert len(picture.convert("RGB").getcolors(1 << 24) or []) > 100


def test_the_model_card_opens_too(browser: Any, pages: dict[str, Path]) -> None:
    card = pages["passed"].parent / "model_card.html"
    browser.open(card)
    browser.picture("model-card")
    assert browser.run("return [...document.images].every((image) => image.naturalWidth > 300)")
    assert browser.errors() == []
    assert [url for url in browser.requests if not url.startswith("data:")] == [card.as_uri()]


def test_the_pages_own_scripts_take_no_markup() -> None:
    markup = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|fetch\(|XMLHttp"
    for path in page.FOLDER.glob("*.js"):
        assert not re.search(markup, path.read_text(encoding="utf-8")), path.name


def test_what_the_page_embeds_is_what_the_summary_says(pages: dict[str, Path]) -> None:
    text = pages["passed"].read_text(encoding="utf-8")
    data = json.loads(re.findall(r'id="report-data">(.*?)</script>', text)[0])
    summary = json.loads((pages["passed"].parent / "summary.json").read_text(encoding="utf-8"))
    assert data["arfg"] == summary["arfg"] and data["tasks"] == list(summary["tasks"])
