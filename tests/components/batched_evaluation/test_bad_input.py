"""What an evaluation says of values that it cannot use, through TFMA's whole pipeline."""

import re

import pytest

from components.batched_evaluation import slices
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from pipeline.evaluation import build_eval_config
from pipeline.running.failures import sentence

TASKS = [("like", 0.6), ("click", "base_rate")]


def config(**evaluation):
    settings = EvaluationSettings.model_validate({"slice_negative_kinds": False, **evaluation})
    return build_eval_config(TASKS, ["gender"], settings, GateSettings(arfg_max=2), "0")


@pytest.fixture
def run(tmp_path, rows_module, write_rows, evaluate):
    def run(change, n=30, **evaluation):
        rows = rows_module.random_rows(1, n)
        for i, row in enumerate(rows):
            # A known label, so that the row counts.
            row |= {"weight/like": [1], "weight/click": [1]}
            change(i, row)
        write_rows(str(tmp_path / "data" / "rows"), rows)
        return rows, evaluate(config(**evaluation), tmp_path / "data" / "*", tmp_path / "out")

    return run


def only(row_number, **columns):
    def change(i, row):
        if i == row_number:
            row |= columns

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            only(3, candidate_like=[1.5]),
            r"scores of the candidate for task `like` should be in \[0, 1\]. Received: 1.5",
        ),
        (
            only(3, baseline_click=[-0.1]),
            r"scores of the baseline for task `click` should be in \[0, 1\]. Received: -0.1",
        ),
        (only(3, candidate_click=[float("nan")]), r"candidate.*click"),
        (only(3, **{"label/like": [2]}), r"labels? of (task|output) `like` should be"),
        (only(3, **{"weight/like": [3]}), r"weight of task `like` should be 0 or 1. Received: 3"),
        (lambda i, row: i == 3 and row.pop("label/click"), r"`labels/\w+/click` should be one number in every row"),
        (lambda i, row: i == 3 and row.pop("group/gender"), r"column `group/gender` should hold a text in every row"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(run, change, message):
    with pytest.raises(Exception) as error:
        run(change)
    assert re.search(message, sentence(error.value)), sentence(error.value)


def test_rows_without_a_slices_column_are_in_none_of_its_slices(run):
    rows, values = run(
        lambda i, row: row.pop("country", None) if i % 2 else row.update(country=["at"]), slices=[["country"]]
    )
    counts = {key[0]: v for key, v in values.items() if key[1:] == ("candidate", "like", "example_count", True, False)}
    assert counts[()] == len(rows) and counts[(("country", b"at"),)] == len(rows) / 2
    assert {key for key in counts if key and key[0][0] == "country"} == {(("country", b"at"),)}


def test_an_identifier_is_no_slice(run, monkeypatch):
    monkeypatch.setattr(slices, "MAX_SLICES", 20)
    with pytest.raises(Exception) as error:
        run(lambda i, row: row.update(user=[f"u{i}"]), slices=[["user"]])
    assert "the slices by ['user'] should be at most 20. Received: 30 in a batch of 30 rows" in sentence(error.value)
