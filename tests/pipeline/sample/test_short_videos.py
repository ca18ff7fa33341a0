"""The sample: repeatable, and unfair exactly as planted."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.sample.short_videos import CONFLICTING, CUES, INFLATED, TASKS, SampleSettings, ensure, generate


@pytest.fixture(scope="module")
def joined() -> pd.DataFrame:
    tables = generate(SampleSettings())
    return tables.impressions.to_pandas().merge(tables.users.to_pandas(), on="user_id")


def specific(table: pd.DataFrame, task: str) -> pd.Series:
    others = [other for other in TASKS if other != task]
    ok = ((table[others] == 1) | table[others].isna()).all(axis=1) & table[others].notna().any(axis=1)
    return (table[task] == 0) & ok


def test_same_settings_give_the_same_tables() -> None:
    small = SampleSettings(rows=500, users=50, items=20)
    assert generate(small).impressions.equals(generate(small).impressions)
    assert not generate(small).impressions.equals(generate(small.model_copy(update={"seed": 2})).impressions)


def test_labels_do_not_depend_on_the_group(joined: pd.DataFrame) -> None:
    rates = joined.groupby("gender")[list(TASKS)].mean()
    assert (rates.max() - rates.min()).max() < 0.02


def test_cue_of_negatives_is_inflated_in_the_stated_group_by_the_stated_share(joined: pd.DataFrame) -> None:
    settings = SampleSettings()
    for task in TASKS:
        negatives = joined[joined[task] == 0]
        mean = negatives.groupby(negatives.gender == INFLATED[task][0].upper())[CUES[task]].mean()
        # A share b of the group's negatives is drawn around +1 instead of -1.
        assert mean[True] == pytest.approx(-1 + 2 * settings.bias[task], abs=0.05)
        assert mean[False] == pytest.approx(-1, abs=0.05)


def test_no_bias_plants_none() -> None:
    tables = generate(SampleSettings(bias={task: 0.0 for task in TASKS}))
    joined = tables.impressions.to_pandas().merge(tables.users.to_pandas(), on="user_id")
    for task in TASKS:
        mean = joined[joined[task] == 0].groupby("gender")[CUES[task]].mean()
        assert abs(mean["M"] - mean["F"]) < 0.05


def test_the_conflicting_task_depends_on_the_product_of_the_cues_and_on_none_alone() -> None:
    settings = SampleSettings(rows=20_000, conflict=2.0)
    table = generate(settings).impressions.to_pandas()
    product = np.prod([table[CUES[task]] for task in TASKS], axis=0)
    rates = table[CONFLICTING].groupby(product > 0).mean()
    assert rates[True] == pytest.approx(1 / (1 + np.exp(-2)), abs=0.02)
    assert rates[False] == pytest.approx(1 / (1 + np.exp(2)), abs=0.02)
    for task in TASKS:
        assert abs(np.corrcoef(table[CONFLICTING], table[CUES[task]])[0, 1]) < 0.15
    # The rest of the log is what it is without.
    plain = generate(SampleSettings(rows=20_000)).impressions
    assert generate(settings).impressions.drop([CONFLICTING]).equals(plain)


def test_every_combination_of_labels_occurs_without_a_click_too(joined: pd.DataFrame) -> None:
    known = joined.dropna(subset=list(TASKS))
    shares = known.groupby(list(TASKS)).size() / len(known)
    assert set(shares.index) == set(itertools.product((0, 1), repeat=3))
    assert shares.min() > 0.02


def test_stated_shares_of_labels_are_missing(joined: pd.DataFrame) -> None:
    missing = joined[list(TASKS)].isna().mean()
    assert missing["click"] == 0
    assert missing["long_view"] == pytest.approx(0.03, abs=0.005)
    assert missing["like"] == pytest.approx(0.05, abs=0.005)


def test_a_test_split_holds_a_hundred_specific_negatives_per_task_and_group(joined: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    test_users = rng.permutation(4_000)[:600]
    test = joined[joined.user_id.isin(test_users)]
    band = pd.cut(test.age, [0, 29, 40, 200], right=False)
    for task in TASKS:
        rows = specific(test, task)
        assert test[rows].groupby("gender").size().min() >= 100
        assert rows.groupby(band, observed=False).sum().min() >= 100


def test_ensure_writes_once_and_again_when_settings_change(tmp_path: Path) -> None:
    small = SampleSettings(rows=300, users=40, items=20)
    folder = tmp_path / "sample"
    assert ensure(folder, small)
    names = {path.name for path in folder.iterdir()}
    assert names == {"impressions-00.csv", "impressions-01.csv", "users.csv", "items.csv", "sample.json"}
    assert not ensure(folder, small)
    assert ensure(folder, small.model_copy(update={"seed": 3}))
    assert sum(len(pd.read_csv(path)) for path in folder.glob("impressions-*.csv")) == 300
    assert [path.name for path in tmp_path.iterdir()] == ["sample"]


def test_ensure_does_not_overwrite_what_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.csv").write_text("x\n", encoding="utf-8")
    with pytest.raises(FileExistsError, match="no generated sample"):
        ensure(tmp_path / "mine", SampleSettings(rows=100, users=10, items=10))
    assert (tmp_path / "mine" / "precious.csv").read_text(encoding="utf-8") == "x\n"
