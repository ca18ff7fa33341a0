"""What is trained: names, settings of the trainings, and grids of both sizes."""

from __future__ import annotations

import pytest

from benchmarks.mtaf.grid import LOSSES, MODES, NONE, SINGLE, SINGLE_FAIR, Part, Setting, frontier, on_network, trainer
from benchmarks.mtaf.parts import PARTS, RELEASED
from benchmarks.mtaf.running import settings_of
from models.config.combinations import check_combination
from models.training.compiled_models import step_family

SIZES = ("minimum", "full")


@pytest.fixture(scope="module", autouse=True)
def data_folder():
    with pytest.MonkeyPatch.context() as patch:
        # The settings are read, the data is not.
        patch.setenv("FAIRNESS_DATA_DIR", "/nowhere")
        yield


@pytest.fixture(scope="module")
def run():
    return settings_of(PARTS["adult"])


def test_a_frontier_has_every_mode_loss_strength_and_ratio_once():
    found = frontier({"mmd": (1.0, 2.0), "correlation": (0.5,)}, (1.0, 3.0))
    assert len(set(found)) == len(found)
    assert found[:2] == (Setting(SINGLE), Setting(NONE))
    # vanilla and single-task models know no r: 3 strengths each; the two MTA-F modes have 3 × 2.
    counts = {series: sum(s.series == series for s in found) for series in (*MODES, SINGLE_FAIR)}
    assert counts == {"vanilla": 3, "mtaf": 6, "mtaf_difference": 6, SINGLE_FAIR: 3}
    assert {s.head_ratio for s in found if not s.has_ratio} == {1.0}


def test_another_network_leaves_single_task_models_out():
    moved = on_network("mmoe", frontier({"mmd": (1.0,)}, (1.0,), ("vanilla", "mtaf")))
    assert [s.series for s in moved] == [NONE, "vanilla", "mtaf"]
    assert {s.network for s in moved} == {"mmoe"}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PARTS)
def test_every_part_can_be_trained_and_names_its_cases_once(name, size):
    part = PARTS[name]
    run = settings_of(part)
    cases = list(part.cases(run, size))
    assert len({case.name for _, _, case in cases}) == len(cases)
    assert len({case.settings.model_dump_json() for _, _, case in cases}) == len(cases)
    for setting, seed, case in cases:
        check_combination(case.settings)
        assert case.settings.training.seed == seed
        assert (
            case.settings.groups
            == run.model_copy(
                update={"fairness": run.fairness.model_copy(update={"group": part.group or run.fairness.group})}
            )
            .candidate()
            .groups
        )
        assert (case.settings.model.network == "single_task") == (setting.series in (SINGLE, SINGLE_FAIR))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PARTS)
def test_each_seed_of_a_part_has_its_baseline(name, size):
    part = PARTS[name]
    seeds = {series: set() for series in (SINGLE, "all")}
    for setting, seed, _ in part.cases(settings_of(part), size):
        seeds["all"].add(seed)
        if setting.series == SINGLE:
            seeds[SINGLE].add(seed)
    assert seeds[SINGLE] == seeds["all"] and len(seeds["all"]) >= 3


def test_parts_on_the_same_data_share_trainings():
    run = settings_of(PARTS["adult"])
    ours = {case.name: case for _, _, case in PARTS["adult"].cases(run, "minimum")}
    shared = 0
    for _, _, case in PARTS["released"].cases(settings_of(PARTS["released"]), "minimum"):
        if case.name in ours:
            assert ours[case.name].settings == case.settings
            shared += 1
    # Single-task and plain models of three seeds, and correlation at λ = 1 where the grid has it.
    assert shared >= 6


def test_the_authors_settings(run):
    for name, units, embedding, rate, batch, epochs in (
        ("adult", (64, 32), 40, 0.02, 1024, 40),
        ("german", (32, 16), 1, 0.06, 128, 20),
        ("lsac", (32, 16), 10, 0.08, 512, 60),
    ):
        settings = settings_of(PARTS[name])
        training, model = settings.training, settings.model
        assert (*model.shared_units, *model.tower_units) == units and model.embedding_units == embedding
        assert all(getattr(feature, "embedding", None) is None for feature in settings.features.inputs)
        assert (training.learning_rate, training.batch_size, training.epochs) == (rate, batch, epochs)
        assert training.optimizer == "adagrad" and training.early_stopping is None


def test_a_mode_reaches_the_trainer(run):
    found = trainer(run, Setting("mtaf", "mmd", 2.0, 3.0, batches="balanced", batch_size=256, kernel="gaussian"), 7)
    fairness = found.fairness
    assert (fairness.mode, fairness.loss, fairness.strength, fairness.head_ratio) == ("mtaf", "mmd", 2.0, 3.0)
    assert (fairness.batches, fairness.kernel) == ("balanced", "gaussian")
    assert found.training.batch_size == 256 and found.training.seed == 7
    assert found.training.epochs == run.training.epochs


def test_single_task_models_with_a_loss_are_trained_on_all_negatives(run):
    fair = trainer(run, Setting(SINGLE_FAIR, "correlation", 0.5), 1)
    assert fair.fairness.mode == "vanilla" and fair.model.network == "single_task"
    alone = trainer(run, Setting(SINGLE), 1)
    assert alone.fairness.mode == "none" and alone.model == fair.model and alone.groups == fair.groups


def test_a_group_of_a_part_comes_first():
    part = PARTS["kuairand-activity"]
    _, _, case = next(part.cases(settings_of(part), "minimum"))
    assert case.settings.groups == ("activity", "is_video_author") and case.settings.fairness.group == "activity"
    assert case.name.endswith("-activity-s1")


def test_the_rule_of_a_part_is_its_data():
    every, some = settings_of(PARTS["rule-all"]), settings_of(PARTS["rule-any"])
    assert every.splitter().rule == "all_others_positive" and some.splitter().rule == "any_other_positive"
    assert every.dataset != some.dataset
    assert every.model == settings_of(PARTS["adult"]).model and len(every.tasks) == 3


def test_strengths_by_task_are_written_as_json():
    setting = Setting("vanilla", "mmd", {"income": 0.5, "capital_gain": 1.0})
    assert setting.columns()["strength"] == '{"income": 0.5, "capital_gain": 1.0}'
    assert "by-task" in setting.name


def test_what_differs_differs_in_the_name():
    settings = [
        Setting("mtaf", "mmd", 1.0),
        Setting("mtaf", "mmd", 2.0),
        Setting("mtaf", "mmd", 1.0, 3.0),
        Setting("mtaf", "mmd", 1.0, network="mmoe"),
        Setting("mtaf", "mmd", 1.0, batches="balanced"),
        Setting("mtaf", "mmd", 1.0, batch_size=256),
        Setting("mtaf", "mmd", 1.0, kernel="gaussian"),
        Setting("mtaf_difference", "mmd", 1.0),
    ]
    assert len({setting.name for setting in settings}) == len(settings)


def test_seeds_and_strengths_that_differ_in_numbers_alone_share_a_step(run):
    grid = frontier(dict.fromkeys(LOSSES, (0.5, 1.0)), (1.0, 3.0))
    part = Part("p", "mtaf_adult", dict.fromkeys(SIZES, grid), dict.fromkeys(SIZES, (1, 2)))
    families = {step_family(case.settings) for _, _, case in part.cases(run, "minimum")}
    # Two without a loss, and four series with three losses each.
    assert len(families) == 2 + 4 * 3


def test_the_authors_figures_have_a_training_each():
    settings = {(s.series, s.loss) for s in PARTS["released"].settings["minimum"]}
    assert settings == set(RELEASED)
    by_task = next(s for s in PARTS["released"].settings["minimum"] if s.series == "vanilla").strength
    # Shares of negatives in Adult's train file: 24,720 of 32,561 and 29,849 of 32,561 rows.
    assert by_task["income"] == pytest.approx(24720 / 32561, abs=1e-3)
    assert by_task["capital_gain"] == pytest.approx(29849 / 32561, abs=1e-3)
