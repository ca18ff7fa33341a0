"""Settings and results of trials, without a training."""

import pathlib

import numpy as np
import pytest

from models.config.settings import TrainerSettings
from models.training.sweep import Trained
from pipeline.settings.config import load

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture
def run_settings():
    return load(ROOT / "data_schemas" / "adult" / "dataset.yaml")


@pytest.fixture
def candidate(run_settings) -> TrainerSettings:
    return run_settings.candidate()


@pytest.fixture
def make_trained():
    """A training whose validation figures are given: task → (error, gap)."""

    def make(**figures):
        validation = {task: {"error": error, "fpr_gap": gap} for task, (error, gap) in figures.items()}
        return Trained(np.zeros([0, len(figures)], np.float32), {}, {}, validation, [], 1, 10, 0.5)

    return make
