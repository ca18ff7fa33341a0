"""The cost table: every method's step is a step, parameters are those of the formulas, ratios are against the baseline."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.cost import __main__ as command
from benchmarks.cost import entries, processes, report, steps
from models.networks.registry import NETWORKS
from models.weighting.registry import WEIGHTINGS

ALL = {entry.key: entry for entry in entries.entries((2, 3, 6))}
BASE = entries.baseline(3)


def test_every_network_weighting_and_number_of_tasks_is_there():
    found = list(entries.entries((2, 3, 6)))
    assert len(found) == len(ALL)
    named = {entry.name for entry in found if entry.part == "network"}
    assert named == set(NETWORKS) - {"shared_bottom"}
    for tasks in (2, 3, 6):
        methods = {entry.training.weighting.method for entry in found if entry.tasks == tasks}
        assert methods == set(WEIGHTINGS) - {"fixed"}
    # A run that is cut short has what the other parts are compared with.
    counts = [entry.tasks for entry in found]
    assert counts == sorted(counts, key=lambda count: count != 3)


def test_only_the_method_differs_from_the_baseline():
    for entry in ALL.values():
        base = entries.baseline(entry.tasks)
        changed = {
            "network": entry.model != base.model,
            "weighting": entry.training.weighting != base.training.weighting,
            "robustness": entry.training.robustness != base.training.robustness,
            "fairness": entry.fairness != base.fairness,
        }
        assert [part for part, other in changed.items() if other] == ([] if entry.part == "baseline" else [entry.part])


def test_the_baselines_parameters_are_those_of_its_layers():
    model = steps.make_model(BASE)
    width = steps.CATEGORICAL * 8 + steps.NUMERIC
    # One id is kept for values out of the vocabulary or not: the encoder is told the number of ids.
    shared = steps.CATEGORICAL * steps.VOCABULARY * 8 + (width + 1) * 64
    towers = 3 * ((64 + 1) * 32 + 32 + 1)
    assert sum(int(np.prod(v.shape)) for v in model.trained_variables) == shared + towers


def test_reconstruction_trains_heads_that_are_not_exported():
    model = steps.make_model(ALL["robustness-regularised-3"])
    own = sum(int(np.prod(v.shape)) for v in model.trained_variables)
    exported = sum(int(np.prod(v.shape)) for v in model.network.trainable_variables)
    base = steps.make_model(BASE)
    assert own > exported == sum(int(np.prod(v.shape)) for v in base.network.trainable_variables)


@pytest.mark.parametrize("key", ["weighting-mgda-2", "robustness-jtt-second-model-3", "fairness-mtaf-mmd-3"])
def test_a_stepper_steps(key):
    stepper = steps.Stepper(ALL[key])
    before = [variable.numpy() for variable in stepper.model.trained_variables]
    assert stepper.run(2) > 0
    assert int(stepper.model.optimizer.iterations) == 2
    moved = [np.any(old != new.numpy()) for old, new in zip(before, stepper.model.trained_variables, strict=True)]
    assert all(moved)
    stepper.require_finite()
    stepper.model.trained_variables[-1].assign(np.full(stepper.model.trained_variables[-1].shape, np.nan))
    stepper.run(1)
    with pytest.raises(FloatingPointError, match="task_"):
        stepper.require_finite()


def test_kinds_of_negatives_are_told_by_all_labels():
    batch = steps.make_batch(["a", "b", "c"], rows=500)
    labels = np.stack([batch["labels"][task] for task in "abc"], axis=1)
    for index, task in enumerate("abc"):
        others = np.delete(labels, index, axis=1)
        wanted = np.where(labels[:, index] == 1, 0, np.where(others.all(axis=1), 2, 1))
        np.testing.assert_array_equal(batch["kinds"][task], wanted)


def _table() -> pd.DataFrame:
    def row(part, name, tasks, ratio, parameters, peak):
        return {
            "part": part,
            "name": name,
            "tasks": tasks,
            "ms": 2 * ratio,
            "ms_baseline": 2.0,
            "ratio": ratio,
            "lower": ratio - 0.1,
            "upper": ratio + 0.1,
            "parameters": parameters,
            "parameters_exported": parameters - 10,
            "peak_mib": peak,
        }

    return pd.DataFrame(
        [
            row("baseline", "shared_bottom, uniform", 3, 1.0, 1000, 400.0),
            row("baseline", "shared_bottom, uniform", 2, 1.0, 800, 390.0),
            row("network", "mmoe", 3, 2.0, 2500, 450.0),
            row("weighting", "mgda", 3, 1.5, 1000, 410.0),
            row("weighting", "mgda", 2, 1.25, 800, 400.0),
            row("weighting", "dwa", 3, 1.0, 1000, 400.0),
        ]
    )


def test_ratios_are_against_the_baseline_with_as_many_tasks():
    found = report.with_ratios(_table()).set_index(["name", "tasks"])
    assert found.loc[("mmoe", 3), "parameter_ratio"] == 2.5 and found.loc[("mmoe", 3), "more_mib"] == 50
    assert found.loc[("mgda", 2), "parameter_ratio"] == 1.0 and found.loc[("mgda", 2), "more_mib"] == 10
    with pytest.raises(ValueError, match=r"Missing: \[2\]"):
        report.with_ratios(_table().drop(index=1))


def test_tables_say_what_was_measured_and_what_was_not():
    lines = report.usual_table(_table())
    assert "| network | mmoe | 4.00 | 2.00 (1.90–2.10) | 2,500 | 2.50 | 2,490 | 450 | +50 |" in lines
    assert not any("1.25" in line for line in lines)
    assert report.task_table(_table())[2:] == [
        "| mgda | 1.25 (1.15–1.35) | 1.50 (1.40–1.60) |",
        "| dwa | – | 1.00 (0.90–1.10) |",
    ]


def test_the_command_redraws_and_says_what_it_took(tmp_path):
    _table().to_csv(tmp_path / "steps.csv", index=False)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- cost -->\n<!-- end of cost -->\n", encoding="utf-8")
    result = CliRunner().invoke(command.main, ["--redraw", "--folder", str(tmp_path), "--table", str(readme)])
    assert result.exit_code == 0, result.output
    text = readme.read_text(encoding="utf-8")
    assert "6 entries, 2, 3 tasks" in text and (tmp_path / "cost.png").exists()
    assert f"{len(ALL) - 6} of the minimum's {len(ALL)} entries were not measured" in text
    assert "imtl (2 tasks)" in text and "mgda (2 tasks)" not in text


def test_a_failed_entry_is_said_and_the_others_stay(tmp_path, monkeypatch):
    calls = []

    def measured(entry, repeats, steps):
        calls.append(entry.key)
        if entry.name == "mmoe":
            raise RuntimeError("network-mmoe-3: its process ended with exit code -9")
        return {"ms": 2.0, "ratio": 1.0}

    monkeypatch.setattr(command.processes, "measure", measured)
    console = command.Console(file=open(os.devnull, "w", encoding="utf-8"))
    size = command.Size(2, 2, (3,), "")
    path = tmp_path / "steps.csv"
    command.collect(size, tmp_path, 2, path, console)
    table = pd.read_csv(path)
    wanted = len(list(entries.entries((3,))))
    assert len(table) == wanted - 1 and "mmoe" not in set(table["name"]) and len(calls) == wanted
    # What is there is not measured again.
    command.collect(size, tmp_path, 1, path, console)
    assert len(pd.read_csv(path)) == wanted - 1 and calls[wanted:] == ["network-mmoe-3"]


@pytest.mark.slow
def test_a_process_of_its_own_measures_a_step(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(command.ROOT))
    found = processes.measure(BASE, 3, 5)
    # The baseline beside itself: a loose bound, since machines are busy.
    assert 0.5 < found["ratio"] < 2 and found["ms"] > 0 and found["peak_mib"] > 100
    assert found["parameters"] == found["parameters_exported"]
