"""The YAML file: what is read from it, and what is said about a wrong one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.config.settings import FairnessSettings
from pipeline.settings.config import ConfigError, load

ROOT = Path(__file__).resolve().parents[3]

MINIMAL: dict[str, Any] = {
    "dataset": "mini",
    "log": {"sources": [{"files": [f"{split}.csv"], "split": split} for split in ("train", "validation", "test")]},
    "features": {"inputs": [{"type": "numeric", "name": "x"}, {"type": "categorical", "name": "c"}]},
    "tasks": [
        {"name": "click", "column": "clicked", "positive": "== 1"},
        {"name": "buy", "column": "spent", "positive": "> 0"},
    ],
    "groups": [{"name": "gender", "column": "sex"}, {"name": "age", "column": "years", "buckets": [30]}],
    "gate": {"are_max": 1.1},
}

Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: Any) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
        return path

    return write


def changed(**changes: Any) -> dict[str, Any]:
    """The minimal settings with dotted keys replaced; None removes a key."""
    content = copy.deepcopy(MINIMAL)
    for dotted, value in changes.items():
        *parents, last = dotted.split("__")
        place: Any = content
        for parent in parents:
            place = place[int(parent)] if isinstance(place, list) else place.setdefault(parent, {})
        if value is None:
            del place[last]
        else:
            place[int(last) if isinstance(place, list) else last] = value
    return content


@pytest.mark.parametrize("name", ["sample", "adult", "german", "lsac", "kuairand"])
def test_shipped_datasets_load_and_have_a_schema(name: str) -> None:
    settings = load(ROOT / "data_schemas" / name / "dataset.yaml")
    assert settings.dataset == name
    assert Path(settings.data_schema).is_file()
    assert len(settings.tasks) >= 2


def test_defaults_and_derived_settings(write: Write, tmp_path: Path) -> None:
    settings = load(write(MINIMAL))
    assert settings.column_kinds() == {
        "c": "string",
        "clicked": "number",
        "sex": "string",
        "spent": "number",
        "x": "number",
        "years": "number",
    }
    assert settings.candidate().groups == ("gender", "age")
    assert settings.log.root == str(tmp_path)
    assert settings.data_schema == str(tmp_path / "schema.pbtxt")


def test_fairness_group_becomes_the_primary_one(write: Write) -> None:
    settings = load(write(changed(fairness__group="age")))
    assert settings.candidate().groups == ("age", "gender")
    # The baseline keeps the declared order, and with it its cache.
    assert settings.baseline().groups == ("gender", "age")


@pytest.mark.parametrize(
    "change",
    [
        {"fairness__strength": 3.0},
        {"fairness__mode": "vanilla"},
        {"fairness__group": "age"},
        {"model__network": "mmoe"},
        {"model__network": "mmoe", "model__experts": 8},
        {"gate__are_max": 2.0},
        {"tasks__0__weight": 2.0},
    ],
)
def test_the_baseline_does_not_depend_on_sharing_and_fairness(write: Write, change: dict[str, Any]) -> None:
    before = load(write(MINIMAL)).baseline()
    assert load(write(changed(**change))).baseline() == before


@pytest.mark.parametrize(
    "change",
    [{"model__tower_units": [8]}, {"training__epochs": 3}, {"tasks__0__threshold": 0.3}, {"training__seed": 9}],
)
def test_the_baseline_depends_on_capacity_training_and_thresholds(write: Write, change: dict[str, Any]) -> None:
    before = load(write(MINIMAL)).baseline()
    assert load(write(changed(**change))).baseline() != before


def test_baseline_has_no_fairness_loss(write: Write) -> None:
    baseline = load(write(changed(fairness__strength=5.0))).baseline()
    assert baseline.fairness == FairnessSettings(mode="none")
    assert baseline.model.network == "single_task"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataste": "x"}, r"dataste: unknown key"),
        ({"training__epoch": 3}, r"training\.epoch: unknown key"),
        ({"tasks__1__positive": None}, r"tasks\[1\]\.positive: this key is required"),
        ({"training__epochs": "many"}, r"training\.epochs: .*integer.*Received: 'many'"),
        ({"training__epochs": 0}, r"training\.epochs: .*greater than or equal to 1.*Received: 0"),
        ({"features__inputs__0__type": "number"}, r"features\.inputs\[0\].*'numeric'"),
        ({"tasks__0__positive": "about 1"}, r"about 1"),
        ({"gate": {}}, r"gate.*needs a bound"),
        (
            {"gate__fpr_gap_max": {"clik": 0.1}},
            r"gate\.fpr_gap_max: `clik` is not a task; tasks are `click`, `buy`",
        ),
        ({"fairness__group": "sexe"}, r"`fairness.group` should be one of `gender`, `age`. Received: `sexe`"),
        ({"fairness__strength": {"clik": 1.0}}, r"fairness\.strength.*clik"),
        ({"fairness__strength": -1.0}, r"`strength`.*at least 0.*Received: -1"),
        ({"features__inputs__0__name": "clicked"}, r"features\.inputs\[0\]: `clicked` is the label of task `click`"),
        ({"outcomes": ["x"]}, r"features\.inputs\[0\]: `x` is listed under `outcomes`"),
        ({"features__inputs__1__name": "years"}, r"`years` is a string as .* and a number as"),
        (
            {"model__network": "single_task"},
            r"`fairness.mode: mtaf` gives the shared layers .* `model.network: single_task`",
        ),
        ({"fairness__strength": {"click": 1.0}}, r"`fairness.strength` should have one number for each of the tasks"),
        ({"fairness": {"mode": "mtaf_difference", "batches": "balanced"}}, r"Take `in_batch`"),
        ({"fairness__loss": "mdd"}, r"fairness\.loss: .*one of `fpr_gap`, `correlation`, `mmd`"),
        ({"tasks__1__name": "click"}, r"`click` stands twice"),
        ({"tasks__0__name": "a/b"}, r"a/b"),
        ({"log__sources__0__split": "eval"}, r"log\.sources\[0\]\.split"),
        (
            {"log__sources__0__split": {"by": "hash", "fractions": {"train": 0.5, "test": 0.4}}},
            r"log\.sources\[0\]\.split.*sum to 1",
        ),
        (
            {"log__sources__0__split": {"by": "time", "column": "t", "validation_from": 5, "test_from": 4}},
            r"`validation_from` should be below `test_from`",
        ),
        ({"groups__0": {"name": "g", "column": "a", "cross": ["b", "c"]}}, r"groups\[0\].*`column` or `cross`"),
        ({"groups__0": {"name": "g", "cross": ["age", "b"]}}, r"crosses `age`, which is no group declared before"),
        ({"evaluation": {"cluster": "years"}}, r"`years` is a number as a group and a string as evaluation.cluster"),
        (
            {"evaluation": {"slices": [["group/sexe"]]}},
            r"evaluation\.slices: `group/sexe` is not among .*'group/age', 'group/gender'",
        ),
        ({"groups__1__labels": ["one"]}, r"groups\[1\].*2 names for 1 cuts"),
    ],
)
def test_a_wrong_setting_is_named(write: Write, change: dict[str, Any], message: str) -> None:
    path = write(changed(**change))
    with pytest.raises(ConfigError, match=message) as error:
        load(path)
    assert str(error.value).startswith(str(path))


def test_an_outcome_is_an_input_only_where_allowed(write: Write) -> None:
    settings = load(write(changed(outcomes=["x"], allow_outcome_inputs=["x"])))
    assert settings.column_kinds()["x"] == "number"


def test_columns_of_slices_and_clusters_are_read_from_the_log(write: Write) -> None:
    evaluation = {"slices": [["country", "group/gender"], ["years"], ["label/click"]], "cluster": "user_id"}
    kinds = load(write(changed(evaluation=evaluation))).column_kinds()
    assert (kinds["country"], kinds["user_id"], kinds["years"]) == ("string", "string", "number")
    assert not {"group/gender", "label/click"} & set(kinds)


def test_every_wrong_key_is_listed_at_once(write: Write) -> None:
    with pytest.raises(ConfigError) as error:
        load(write(changed(training__epochs=0, gate__are_max=-1.0, nonsense=1)))
    assert len(str(error.value).splitlines()) == 4


def test_on_off_yes_and_no_are_words(write: Write) -> None:
    """YAML 1.1 reads them as booleans, and `gate.on` could not be written."""
    path = write(MINIMAL)
    text = path.read_text(encoding="utf-8").replace("gate:", "gate:\n  on: interval", 1)
    path.write_text(
        text + "\nreport: {min_count: 30}\nevaluation: {batched: false, slices: [[no]]}\n", encoding="utf-8"
    )
    settings = load(path)
    assert settings.gate.on == "interval"
    assert settings.evaluation.batched is False and settings.evaluation.slices == (("no",),)


def test_a_repeated_key_is_refused(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"line 3: the key `dataset` stands twice, first in line 1"):
        load(write("dataset: a\ngate: {are_max: 1}\ndataset: b\n"))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_what_is_no_mapping_is_refused(write: Write, text: str) -> None:
    with pytest.raises(ConfigError, match="expected a mapping"):
        load(write(text))


def test_broken_yaml_and_a_missing_file_are_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load(write("a: [1, 2\n"))
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "nowhere.yaml")


def test_environment_variables_are_replaced(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(changed(log__root="${FAIR_TEST_DIR:-default}/logs"))
    assert load(path).log.root == str(tmp_path / "default" / "logs")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIR_TEST_DIR", "elsewhere")
    assert load(path).log.root == str(tmp_path / "elsewhere" / "logs")
    with pytest.raises(ConfigError, match="`FAIR_UNSET` is not set"):
        load(write(changed(log__root="${FAIR_UNSET}")))


def test_the_report_depends_on_all_settings_and_names_its_frontier_beside_the_file(write: Write) -> None:
    card = {"owners": [{"name": "Ranking team"}], "limitations": ["few rows"]}
    settings = load(write(changed(report={"min_count": 17, "frontier": "f.csv"}, model_card=card)))
    report = settings.fairness_report()
    assert report.groups == ("gender", "age") and report.task_names == ["click", "buy"]
    assert report.report.frontier is not None and report.report.frontier.endswith("/f.csv")
    assert report.report.frontier.startswith("/") and report.min_count == 17
    assert report.model_card.owners[0].name == "Ranking team"
    assert report.run["model_card"]["limitations"] == ["few rows"] and report.run["dataset"] == "mini"
    assert type(report).model_validate_json(report.model_dump_json()) == report


def test_the_report_has_the_fairness_group_first(write: Write) -> None:
    report = load(write(changed(fairness={"group": "age"}))).fairness_report()
    assert report.groups == ("age", "gender")


@pytest.mark.parametrize("key", ["report", "model_card"])
def test_an_unknown_key_of_the_report_is_named(write: Write, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{key}.colour: unknown key"):
        load(write(changed(**{key: {"colour": "red"}})))
