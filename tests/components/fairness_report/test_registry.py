"""Every metric of the registry goes the whole way from its setting to the model card, and so does one that a test adds."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from components.fairness_report.model_card import model_card
from components.fairness_report.page_data import page_data
from components.fairness_report.summary import compose
from components.tradeoff_metrics import registry
from components.tradeoff_metrics.names import MetricName, all_keys
from components.tradeoff_metrics.registry import Limit, Metric
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from components.tradeoff_metrics.telling.parts import plain
from pipeline.evaluation import build_eval_config
from pipeline.showing import terminal
from pipeline.showing.comparison import _figures
from pipeline.showing.comparison_table import name_of

TASK = "click"
SETTINGS = [*registry.bounded(of_group=False), *registry.bounded(of_group=True)]


def bounded(setting: str) -> Metric:
    return (registry.bounded(of_group=False) | registry.bounded(of_group=True))[setting]


def limit_of(metric: Metric, value: float, *, holds: bool) -> float:
    """A limit within the metric's range that its value keeps, or does not."""
    assert metric.limit and value
    room = abs(value) if metric.limit.highest is None else min(abs(value), metric.limit.highest - value)
    return value + room / 2 * (1 if holds == (metric.better == "lower") else -1)


def shown(summary: dict[str, Any]) -> str:
    """What a person reads in the terminal."""
    text = io.StringIO()
    whole = summary | {"paths": {}, "settings": {"evaluation": {"cluster": None}}}
    terminal.show(whole, Console(file=text, width=1000))
    return text.getvalue()


def walk(made: Any, rows: Any, setting: str, *, holds: bool, on: str = "value") -> Any:
    """Follows a bound from its setting to the model card, and returns the run."""
    metric = bounded(setting)
    name = MetricName(metric.key, TASK if metric.of_task else None)
    # Without bounds of its own, to know the value.
    value = made.run_of(rows).primary["values"][str(name)]["value"]
    limit = limit_of(metric, value, holds=holds)
    bounds = {"on": on, setting: {TASK: limit} if metric.of_task else limit}

    gate = GateSettings.model_validate(bounds)
    assert GateSettings.model_validate(gate.model_dump(mode="json")) == gate
    assert (gate.given() if metric.of_group else gate.overall()) == {setting: bounds[setting]}

    tasks = [(task, 0.5) for task in rows.tasks]
    config = build_eval_config(tasks, list(rows.groups), EvaluationSettings(), gate, "")
    ((key, thresholds),) = config.metrics_specs[-1].per_slice_thresholds.items()
    side = "lower_bound" if metric.better == "higher" else "upper_bound"
    end = "/" + side.removesuffix("_bound") if on == "interval" and metric.has_interval else ""
    assert key == f"{name}{end}" and key in all_keys(rows.tasks, list(rows.groups))
    found = thresholds.thresholds[0].threshold.value_threshold
    assert found.HasField(side) and getattr(found, side).value == limit
    assert not found.HasField("upper_bound" if side == "lower_bound" else "lower_bound")

    run = made.run_of(rows, gate=bounds)
    (result,) = run.judged.bounds
    assert result.bound.is_minimum == (metric.better == "higher") and result.bound.key == key
    if on == "value":
        assert run.judged.blessed == result.ok == holds
    assert result.sentence.startswith(metric.subject_of(result.bound)) and f"the bound {limit:g}" in result.sentence

    summary = compose(run)
    (told,) = summary["bounds"]
    assert told["metric"] == metric.key and told["value"] == value and told["minimum"] == result.bound.is_minimum
    assert ("at least " if result.bound.is_minimum else "limit ") in told["plain"]
    assert ((told["margin"] or -1) >= 0) == result.ok
    assert (result.sentence in shown(summary)) != result.ok

    (on_page,) = page_data(run, summary).main["verdict"]["bounds"]
    assert (on_page["title"], on_page["unit"]) == (metric.title, metric.unit)
    assert on_page["has_interval"] == metric.has_interval and plain(on_page["parts"]) == told["plain"]

    card = model_card(run, summary, {})
    assert ({"description": told["plain"]} in card["considerations"]["tradeoffs"]) != result.ok
    if metric.card_name in [row.card_name for row in registry.summarised()] and metric.card_name:
        names = [figure["type"] for figure in card["quantitative_analysis"]["performance_metrics"]]
        assert (f"{TASK}: " if metric.of_task else "") + metric.card_name in names
    return run


@pytest.mark.parametrize("holds", [True, False])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_bound_goes_from_its_setting_to_the_model_card(
    made: Any, swapped_rows: Any, setting: str, holds: bool
) -> None:
    walk(made, swapped_rows, setting, holds=holds)


@pytest.mark.parametrize("setting", SETTINGS)
def test_on_the_interval_the_unfavourable_end_is_bounded(made: Any, swapped_rows: Any, setting: str) -> None:
    walk(made, swapped_rows, setting, holds=False, on="interval")


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_limit_out_of_its_range_is_refused_by_its_key(setting: str) -> None:
    limit = bounded(setting).limit
    assert limit is not None
    wrong = [number for number in (-1.0, 0.0, 2.0) if limit.expected(number)]
    wrong += [{TASK: number} for number in wrong] if bounded(setting).of_task else [{TASK: 0.5}]
    for number in wrong:
        with pytest.raises(ValidationError, match=f"{setting}`?(| of task `{TASK}`)\\s"):
            GateSettings.model_validate({setting: number})


def test_what_every_row_says() -> None:
    for metric in registry.metrics():
        assert metric.title and metric.name and metric.key.isidentifier()
        if metric.limit:
            # The key's spelling is a convention and decides nothing.
            assert metric.limit.setting.startswith("min_") or metric.limit.setting.endswith(("_min", "_max"))
        if metric.ratio_of:
            assert registry.metric(metric.ratio_of).has_baseline


@pytest.fixture(scope="session")
def swapped_rows(rows: Any) -> Any:
    """Rows whose candidate is worse than single-task learning, so that no value is 0."""
    return type(rows)(rows.tasks, rows.labels, rows.known, rows.scores[::-1], rows.groups, rows.thresholds)


@pytest.fixture
def widest() -> Iterator[Metric]:
    """A metric of a user's own: the widest gap of any task, lower is better."""
    yield registry.register(
        Metric(
            key="widest_fpr_gap",
            title="Widest FPR gap of any task",
            unit="points",
            scope="group",
            better="lower",
            compute=lambda statistics, model: [
                max((gap.estimate for gap in statistics.gaps("fpr", model)), key=lambda estimate: estimate.value)
            ],
            limit=Limit("widest_fpr_gap_max"),
        )
    )
    registry.unregister("widest_fpr_gap")


@pytest.fixture
def accuracy() -> Iterator[Metric]:
    """Another one, of each task and of the baseline too: the share of right predictions, higher is better."""
    yield registry.register(
        Metric(
            key="accuracy",
            title="Accuracy",
            unit="percent",
            scope="task",
            better="higher",
            compute=lambda statistics, model: [
                type(error)(1 - error.value, 1 - error.upper, 1 - error.lower) for error in statistics.errors(model)
            ],
            has_baseline=True,
            limit=Limit("least_accuracy", highest=1),
        )
    )
    registry.unregister("accuracy")


@pytest.mark.parametrize("holds", [True, False])
def test_one_object_adds_a_metric_with_a_bound(made: Any, swapped_rows: Any, widest: Metric, holds: bool) -> None:
    run = walk(made, swapped_rows, "widest_fpr_gap_max", holds=holds)
    (result,) = run.judged.bounds
    assert result.sentence.startswith("Widest FPR gap of any task between the groups of `gender` is 0.")
    summary = compose(run)
    assert summary["bounds"][0]["plain"].startswith("Widest FPR gap of any task between the groups of gender: ")
    assert summary["widest_fpr_gap"]["value"] == result.value
    assert "Widest FPR gap of any task  0." in shown(summary)
    assert "widest fpr gap" in [name_of(key) for key, _ in _figures(summary)]
    walk(made, swapped_rows, "widest_fpr_gap_max", holds=holds, on="interval")
    own = made.run_of(swapped_rows, gate={"per_group": {"age": {"widest_fpr_gap_max": 1}}}).judged.bounds
    assert [bound.bound.key for bound in own] == ["widest_fpr_gap@age"] and own[0].ok


def test_one_object_adds_a_metric_of_each_task_and_of_the_baseline(
    made: Any, swapped_rows: Any, accuracy: Metric
) -> None:
    run = walk(made, swapped_rows, "least_accuracy", holds=False)
    summary = compose(run)
    figures = summary["tasks"][TASK]
    assert figures["accuracy"]["baseline"]["value"] == pytest.approx(1 - figures["error"]["baseline"]["value"])
    assert summary["bounds"][0]["plain"].startswith(f"Accuracy in *{TASK}*: ")
    assert f"{TASK} · accuracy of the baseline" in [name_of(key) for key, _ in _figures(summary)]
    for wrong in (True, {TASK: False}):
        with pytest.raises(ValidationError, match="`least_accuracy` should be a number. Received: "):
            GateSettings.model_validate({"least_accuracy": wrong})
    with pytest.raises(ValidationError, match="`least_accuracy` of task `click` should be at most 1. Received: 2"):
        GateSettings.model_validate({"least_accuracy": {TASK: 2}})


def test_a_metric_that_is_taken_out_leaves_nothing() -> None:
    assert "widest_fpr_gap" not in all_keys(["click"], ["gender"])
    with pytest.raises(ValidationError, match="widest_fpr_gap_max\n  Extra inputs"):
        GateSettings.model_validate({"are_max": 1, "widest_fpr_gap_max": 1})


def test_two_metrics_of_one_key_or_setting_are_refused(widest: Metric) -> None:
    for key in ("arfg", "error_baseline"):
        with pytest.raises(ValueError, match=f"metric `{key}` is already registered"):
            registry.register(dataclasses.replace(widest, key=key))
    with pytest.raises(ValueError, match="another metric is bounded by `arfg_max`"):
        registry.register(dataclasses.replace(widest, key="other", limit=Limit("arfg_max")))
