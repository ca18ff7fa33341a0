"""A small log through Transform, and settings that fit it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.config.settings import TrainerSettings
from models.training.sweep import SweepData
from pipeline.experiments.cases import Case
from tests.models.conftest import _make_settings, make_rows, transform_rows
from tests.models.raw_examples import with_test


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> SweepData:
    """500 train, 200 validation and 150 test rows."""
    folder = tmp_path_factory.mktemp("experiment")
    prepared = transform_rows(folder, make_rows(500, 1), make_rows(200, 2))
    return with_test(prepared, folder, [make_rows(150, 3)])


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., TrainerSettings]:
    """Settings of a small training; the given blocks update those of the same name."""
    return _make_settings


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    """A case with the given blocks."""
    return lambda name, **blocks: Case(name, _make_settings(**blocks))
