"""Shared by all tests: the Keras choice before TensorFlow loads, and where real data lies."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import models  # noqa: E402, F401  chooses the Keras 2 API

ROOT = Path(__file__).resolve().parent.parent

# A deadline for each example would fail tests on a machine that is busy.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of the public data sets; skips where there is none, fails where one is named and is not it."""
    named = os.environ.get("FAIRNESS_DATA_DIR")
    folder = Path(named or ROOT.parent / "shared" / "data")
    if not (folder / "adult" / "adult.data").is_file():
        if named:
            pytest.fail(f"FAIRNESS_DATA_DIR is {folder}, which holds no adult/adult.data")
        pytest.skip(f"the public data sets are not at {folder}; set FAIRNESS_DATA_DIR")
    return folder
