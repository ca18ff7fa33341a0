import models  # noqa: F401  (chooses Keras 2 before TensorFlow loads)

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.fairness.correlation import CorrelationLoss
from models.fairness.fpr_gap import FPRGapLoss
from models.fairness.laplace_mmd import LaplaceMMDLoss
from models.fairness.mmd import MMDLoss

LOSSES = {
    "fpr_gap": FPRGapLoss,
    "sharp_fpr_gap": lambda *args: FPRGapLoss(*args, sharpness=20.0, threshold=0.4),
    "correlation": CorrelationLoss,
    "gaussian": MMDLoss,
    "laplace_dense": lambda *args: MMDLoss(*args, kernel="laplace"),
    "laplace": LaplaceMMDLoss,
}


@pytest.fixture(params=sorted(LOSSES))
def loss_type(request):
    """(n_groups, reduction) → a loss, for each loss there is."""
    return LOSSES[request.param]


@pytest.fixture
def value_and_gradient():
    """Value and gradient of a loss with respect to the scores, in eager mode, as NumPy arrays."""

    def evaluate(loss, scores, group, mask=None, weight=None):
        scores = tf.constant(scores, tf.float32)
        mask = np.ones(len(scores), bool) if mask is None else mask
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(scores, tf.constant(group), tf.constant(mask), weight)
        gradient = tape.gradient(value, scores)
        assert gradient is not None
        return float(value), gradient.numpy()

    return evaluate


@pytest.fixture
def numeric_gradient():
    """Central differences of a float64 function of an array."""

    def differences(function, values, step=1e-6):
        values = np.asarray(values, np.float64)
        gradient = np.zeros_like(values)
        for index in range(len(values)):
            up, down = values.copy(), values.copy()
            up[index] += step
            down[index] -= step
            gradient[index] = (function(up) - function(down)) / (2 * step)
        return gradient

    return differences
