"""Values that a search found, in the settings of a training."""

import pytest

from models.config.hyperparameters import with_values


def test_values_take_their_places_and_nothing_else_changes(make_settings):
    before = make_settings()
    values = {
        "fairness.strength": 0.25,
        "training.learning_rate": 0.02,
        "model.shared_units": "64,32",
        "model.tower_units": "8",
        "model.embedding_units": 3,
    }
    after = with_values(before, values)
    assert (after.fairness.strength, after.training.learning_rate) == (0.25, 0.02)
    assert (after.model.shared_units, after.model.tower_units, after.model.embedding_units) == ((64, 32), (8,), 3)
    back = with_values(
        after,
        {
            "fairness.strength": before.fairness.strength,
            "training.learning_rate": before.training.learning_rate,
            "model.shared_units": "16",
            "model.tower_units": "8",
            "model.embedding_units": 4,
        },
    )
    assert back == before
    assert with_values(before, {}) == before


@pytest.mark.parametrize("name", ["strength", "fairness.lambda", "tasks.name", "gate.are_max"])
def test_what_is_no_setting_of_a_training_is_refused(make_settings, name):
    with pytest.raises(ValueError, match=f"Received: `{name}`"):
        with_values(make_settings(), {name: 1.0})


def test_values_are_checked_as_settings_are(make_settings):
    with pytest.raises(ValueError, match="strength.*at least 0. Received: -1"):
        with_values(make_settings(), {"fairness.strength": -1.0})
