import numpy as np
import pytest
import tensorflow as tf

from models.robustness.jtt import error_set, upweighted

LABELS = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
LOGITS = [2.0, -0.1, -3.0, 0.4, 0.0, 0.0, 9.0]
# Known everywhere but in the last row; a logit of 0 is probability 0.5, which is not above it.
WEIGHTS = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
WRONG = [False, True, False, True, True, False, True]


def test_the_error_set_by_hand():
    np.testing.assert_array_equal(error_set(tf.constant(LABELS), tf.constant(LOGITS)), WRONG)


def test_the_weights_by_hand():
    found = upweighted(tf.constant(WEIGHTS), tf.constant(LABELS), tf.constant(LOGITS), 6.0)
    np.testing.assert_array_equal(found, [1, 6, 1, 6, 6, 1, 0])
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(
        upweighted(tf.constant(WEIGHTS), tf.constant(LABELS), tf.constant(LOGITS), 1), WEIGHTS
    )


def test_the_weighted_mean_is_that_of_repeated_rows():
    """The paper repeats the rows of the error set; divided by the sum of the weights the loss is the same."""
    losses = np.random.default_rng(1).exponential(1.0, len(LABELS))
    weights = upweighted(tf.constant(WEIGHTS), tf.constant(LABELS), tf.constant(LOGITS), 3.0).numpy()
    repeated = [
        loss
        for loss, wrong, known in zip(losses, WRONG, WEIGHTS, strict=True)
        if known
        for _ in range(3 if wrong else 1)
    ]
    assert (weights * losses).sum() / weights.sum() == pytest.approx(np.mean(repeated))


def test_no_gradient_reaches_the_first_model():
    logits = tf.Variable(LOGITS)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(upweighted(tf.constant(WEIGHTS), tf.constant(LABELS), logits, 6.0))
    assert tape.gradient(loss, logits) is None


def test_inside_a_compiled_step_of_any_size():
    step = tf.function(
        lambda *rows: upweighted(*rows, 2.0), autograph=False, input_signature=[tf.TensorSpec([None], tf.float32)] * 3
    )
    assert step(tf.zeros([0]), tf.zeros([0]), tf.zeros([0])).shape == [0]
    np.testing.assert_array_equal(step(tf.ones([2]), tf.constant([1.0, 0.0]), tf.constant([-1.0, -1.0])), [2, 1])
