import models  # noqa: F401

# isort: split

import pytest

from models.config.choices import LOSS_NAMES
from models.config.settings import FairnessSettings
from models.fairness.correlation import CorrelationLoss
from models.fairness.fpr_gap import FPRGapLoss
from models.fairness.laplace_mmd import LaplaceMMDLoss
from models.fairness.mmd import MMDLoss
from models.fairness.registry import FAIRNESS_LOSSES, build_fairness_loss


@pytest.mark.parametrize(
    "settings, expected, config",
    [
        ({"loss": "fpr_gap"}, FPRGapLoss, {"sharpness": None, "threshold": 0.3}),
        ({"loss": "fpr_gap", "sharpness": 9.0}, FPRGapLoss, {"sharpness": 9.0, "threshold": 0.3}),
        ({"loss": "correlation", "reduction": "max_rest"}, CorrelationLoss, {"reduction": "max_rest"}),
        ({"loss": "mmd", "kernel": "gaussian", "bandwidth": 0.2}, MMDLoss, {"kernel": "gaussian", "bandwidth": 0.2}),
        ({"loss": "mmd", "kernel": "laplace", "bandwidth": 0.2}, LaplaceMMDLoss, {"bandwidth": 0.2}),
    ],
)
def test_settings_reach_the_loss(settings, expected, config):
    loss = build_fairness_loss(FairnessSettings(**settings), 3, 0.3)
    assert type(loss) is expected
    assert {"n_groups": 3, **config}.items() <= loss.get_config().items()


def test_every_name_of_the_settings_is_registered():
    assert set(FAIRNESS_LOSSES) == set(LOSS_NAMES)


def test_a_sharp_gap_without_a_threshold_is_refused():
    with pytest.raises(ValueError, match="`sharpness` needs a `threshold`"):
        build_fairness_loss(FairnessSettings(loss="fpr_gap", sharpness=9.0), 2, None)


def test_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"`loss` should be one of \['correlation', 'fpr_gap', 'mmd'\].*'wasserstein'"):
        build_fairness_loss(FairnessSettings.model_construct(loss="wasserstein"), 2, None)
