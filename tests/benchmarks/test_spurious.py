"""The world with a spurious block: what is planted is there, and the pipeline's own settings read what is written."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from benchmarks.robustness import spurious
from benchmarks.robustness.spurious import SpuriousSettings, bayes_errors, generate, log_odds, splits, write
from pipeline.settings.config import load

SMALL = SpuriousSettings(train=200, validation=100, test=120, core=3, spurious=2)


def test_blocks_have_the_means_and_variances_that_the_description_says():
    settings = SpuriousSettings()
    inputs, label, attribute = generate(settings, 20_000, 0.9, np.random.default_rng(1))
    core, spurious_block = inputs[:, :20], inputs[:, 20:]
    for block, sign, variance in ((core, label, 20.0), (spurious_block, attribute, 0.2)):
        centred = block - sign[:, np.newaxis]
        assert centred.mean() == pytest.approx(0, abs=5 * np.sqrt(variance / block.size))
        assert centred.var() == pytest.approx(variance, rel=0.02)
    # What tells y in the one block tells nothing in the other, beyond the attribute.
    assert abs(np.corrcoef(core.mean(axis=1) - label, spurious_block.mean(axis=1) - attribute)[0, 1]) < 0.03


@pytest.mark.parametrize("agreement", [0.5, 0.9])
def test_cells_are_balanced_as_asked(agreement):
    _, label, attribute = generate(SMALL, 4000, agreement, np.random.default_rng(2))
    for y in (-1, 1):
        assert (label == y).sum() == 2000
        assert ((label == y) & (attribute == y)).sum() == round(agreement * 2000)
    # In random order.
    assert 0.4 < (label[:2000] > 0).mean() < 0.6


def test_the_rules_errors_are_those_of_the_formulas():
    """Core mean N(y, 1): P(wrong) = Φ(−1). With the attribute known, log-odds 2 m + log 9 · a: Φ(∓ log 9 / 2 − 1)."""
    errors = bayes_errors(SpuriousSettings())
    assert errors["core_rule"] == pytest.approx(0.1587, abs=0.005)
    assert errors["average_rule/majority"] == pytest.approx(0.0179, abs=0.002)
    assert errors["average_rule/minority"] == pytest.approx(0.5393, abs=0.005)


def test_the_log_odds_are_the_densities_ratio():
    inputs, _, _ = generate(SMALL, 50, 0.8, np.random.default_rng(3))

    def density(values, mean, variance):
        return np.exp(-((values - mean) ** 2) / (2 * variance)).prod(axis=1)

    def joint(y):
        core = density(inputs[:, :3], y, SMALL.core_variance)
        agree, differ = (density(inputs[:, 3:], y * sign, SMALL.spurious_variance) for sign in (1, -1))
        return core * (0.8 * agree + 0.2 * differ)

    with np.errstate(divide="ignore"):
        wanted = np.log(joint(1)) - np.log(joint(-1))
    finite = np.isfinite(wanted)
    assert finite.sum() > 40
    np.testing.assert_allclose(log_odds(SMALL, inputs, 0.8)[finite], wanted[finite], rtol=1e-6, atol=1e-9)


def test_what_the_core_has_in_common_is_seen_in_its_mean_alone():
    settings = SpuriousSettings(core_variance=2.0, core_common=0.9)
    inputs, label, _ = generate(settings, 20_000, 0.9, np.random.default_rng(5))
    core = inputs[:, :20] - label[:, np.newaxis]
    covariance = np.cov(core.T)
    assert np.diag(covariance).mean() == pytest.approx(2.9, rel=0.02)
    assert covariance[~np.eye(20, dtype=bool)].mean() == pytest.approx(0.9, rel=0.05)
    # 0.9 + 2 / 20 = 1: the mean tells as much of y as in the world without.
    assert bayes_errors(settings)["core_rule"] == pytest.approx(0.1587, abs=0.005)


@pytest.mark.parametrize("world", sorted(spurious.WORLDS))
def test_both_worlds_leave_the_same_to_reach(world):
    settings = spurious.WORLDS[world]
    errors = bayes_errors(settings)
    assert errors["core_rule"] == pytest.approx(0.1587, abs=0.005)
    assert errors["average_rule/minority"] == pytest.approx(0.5393, abs=0.005)
    assert settings.train + settings.validation + settings.test <= 10_000


def test_a_model_of_the_mean_loss_fails_the_minority():
    data = splits(SpuriousSettings(), 1)
    inputs, label, _ = data["train"]
    model = LogisticRegression(max_iter=500).fit(inputs, label)
    inputs, label, attribute = data["test"]
    wrong = model.predict(inputs) != label
    assert wrong[label == attribute].mean() < 0.05
    assert wrong[label != attribute].mean() > 0.45


def test_splits_are_drawn_apart_and_by_the_seed():
    one, again, other = splits(SMALL, 1), splits(SMALL, 1), splits(SMALL, 2)
    for name in one:
        np.testing.assert_array_equal(one[name][0], again[name][0])
        assert (one[name][0] != other[name][0]).all()
    assert not np.isin(one["train"][0], one["test"][0]).any()
    longer = splits(SMALL.model_copy(update={"train": 400}), 1)
    np.testing.assert_array_equal(longer["test"][0], one["test"][0])


def test_what_is_written_is_what_was_drawn_and_the_pipeline_takes_it(tmp_path):
    path = write(SMALL, 4, tmp_path / "log")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    assert set(before) == {"train.csv", "validation.csv", "test.csv", "dataset.yaml"}
    write(SMALL, 4, tmp_path / "log")
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
    for name, (inputs, label, attribute) in splits(SMALL, 4).items():
        with (path.parent / f"{name}.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["y"]) for row in rows] == label.tolist()
        assert [int(row["a"]) for row in rows] == attribute.tolist()
        found = np.array([[float(row[column]) for column in SMALL.columns] for row in rows])
        np.testing.assert_allclose(found, inputs, rtol=1e-5)
    settings = load(path)
    assert settings.log.root == str(path.parent)
    assert settings.candidate().groups == ("attribute",)
    assert [feature.name for feature in settings.features.inputs] == SMALL.columns


def test_the_command_says_what_can_be_reached(tmp_path):
    result = CliRunner().invoke(spurious.main, [str(tmp_path), "--seed", "3", "--agreement", "0.8"])
    assert result.exit_code == 0, result.output
    assert "dataset.yaml; average_rule/majority 0.0" in result.output and "core_rule 0.1" in result.output
