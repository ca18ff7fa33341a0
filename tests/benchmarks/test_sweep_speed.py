"""The measurements of a training's cost, on little data."""

from __future__ import annotations

import resource
from types import SimpleNamespace

import pytest

from benchmarks.sweep import measures, speed
from benchmarks.sweep.measures import Seconds, loop, stacked, sweep, timed, with_seed
from tests.models.conftest import _make_settings, make_rows, transform_rows
from tests.models.raw_examples import with_test


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speed")
    return with_test(transform_rows(folder, make_rows(400, 1), make_rows(100, 2)), folder, [make_rows(50, 3)])


@pytest.fixture
def settings():
    return _make_settings(training={"epochs": 1})


def test_cpu_seconds_are_those_of_this_process_and_of_its_children_without_waiting():
    """Clocks that are set by hand: what a busy machine does to real ones is no matter of the code."""
    clocks = {"wall": 10.0, resource.RUSAGE_SELF: (1.0, 0.5), resource.RUSAGE_CHILDREN: (4.0, 0.25)}

    def work():
        clocks.update({"wall": 17.0, resource.RUSAGE_SELF: (1.5, 0.75), resource.RUSAGE_CHILDREN: (6.0, 0.5)})

    def getrusage(who):
        user, system = clocks[who]
        return SimpleNamespace(ru_utime=user, ru_stime=system)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(measures.resource, "getrusage", getrusage)
        patched.setattr(measures.time, "monotonic", lambda: clocks["wall"])
        found = timed(work)
    assert found == Seconds(wall=7.0, cpu=0.75 + 2.25)


def test_cases_of_a_family_differ_in_seed_and_strength(settings):
    one, other, plain = with_seed(settings, 1), with_seed(settings, 2), with_seed(settings, 1, "none")
    assert one.fairness.strength != other.fairness.strength and one.training.seed != other.training.seed
    assert one.fairness.mode == "mtaf" and plain.fairness.mode == "none" and one.training.early_stopping is None


@pytest.mark.slow
def test_every_measurement_trains(data, settings, monkeypatch):
    monkeypatch.setattr(measures, "epoch_steps", lambda settings: 3)
    monkeypatch.setattr(measures, "_EPOCHS", 2)
    monkeypatch.setattr(measures, "_REPEATS", 1)
    for found, count in (
        (loop(data, settings, "fit"), 3),
        (loop(data, settings, "step", "fpr_gap"), 3),
        (loop(data, settings, "loop", "none"), 3),
        (stacked(data, settings, 2), 3),
        (sweep(data, settings), 3),
    ):
        assert len(found) == count and all(each.cpu > 0 for each in found)


def test_the_tables_compare_with_their_first_row(monkeypatch, settings):
    def measure(data, settings, *what):
        cpu = {"job": 8.0, "fit": 4.0}.get(what[1] if what[0] == "loop" else what[0], 2.0)
        return [Seconds(9.0, 9.0), *(Seconds(cpu + 1, cpu + wrong) for wrong in (-0.5, 0.0, 0.5))]

    monkeypatch.setattr(speed, "measure", measure)
    lines = speed.trainings(None, settings)
    assert lines[2].endswith("| 9.0 | 8.2 | 1.0 |") and lines[-1].endswith("| 3.0 | 2.2 | 3.7 |")
    lines = speed.steps(None, settings)
    assert lines[2].startswith("| Keras' `fit` |") and lines[2].endswith("| 1.0 |") and len(lines) == 2 + 6 + 3
    assert "8 networks in one step, each (compiled in 9 CPU s)" in lines[-1]
