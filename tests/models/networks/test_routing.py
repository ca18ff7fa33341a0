"""MTA-F's routing through each network, against plain gradients of each term."""

import models  # noqa: F401

# isort: split
import numpy as np
import pytest
import tensorflow as tf

from models.config.settings import FairnessSettings
from models.fairness.mtaf import FairnessBatch, routed_fairness
from models.fairness.registry import build_fairness_loss
from models.formats.features import SHARED_NEGATIVE, SPECIFIC_NEGATIVE

TASKS = ("zebra", "apple", "middle")
SEED = tf.constant([1, 2])
NETWORKS = ["shared_bottom", "mmoe", "cgc", "ple", "cross_stitch", "dsmtl", "dsmtl_search", "dsmtl_compact"]


@pytest.fixture
def rows(batch):
    rng = np.random.default_rng(3)
    labels = {task: rng.integers(0, 2, 64) for task in TASKS}
    kinds = {}
    for task in TASKS:
        others = np.all([labels[other] == 1 for other in TASKS if other != task], axis=0)
        kinds[task] = np.where(labels[task] == 1, 0, np.where(others, SPECIFIC_NEGATIVE, SHARED_NEGATIVE))
    return {
        "labels": {task: tf.constant(values, tf.float32) for task, values in labels.items()},
        "kinds": {task: tf.constant(values, tf.int64) for task, values in kinds.items()},
        "weights": {task: tf.ones([64]) for task in TASKS},
        "group": tf.constant(rng.integers(0, 2, 64), tf.int64),
    }


def dense(gradients):
    return [None if gradient is None else tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


@pytest.mark.parametrize("name", NETWORKS)
def test_each_term_reaches_its_variables_alone(name, build, batch, rows):
    network = build(name, TASKS, dropout=0.2, levels=3)
    settings = FairnessSettings()
    losses = {task: build_fairness_loss(settings, 2, tf.constant(0.5)) for task in TASKS}
    with tf.GradientTape(persistent=True) as tape:
        shared = network.trunk(batch, training=True, seed=SEED)
        logits = network.heads(shared, training=True, seed=SEED)
        terms = routed_fairness(
            network,
            FairnessBatch(shared=shared, logits=logits, **rows),
            losses,
            mode="mtaf",
            on="negatives",
            strength=dict.fromkeys(TASKS, 1.0),
            head_ratio=dict.fromkeys(TASKS, 1.0),
            task_weight=dict.fromkeys(TASKS, 1.0),
            has_specific=dict.fromkeys(TASKS, True),
            empty_specific="none",
            heads_call=lambda part: network.heads(part, training=True, seed=SEED),
        )
        plain = {}
        for task in TASKS:
            scores = tf.sigmoid(network(batch, training=True, seed=SEED)[task])
            for part, kind in (("head", SPECIFIC_NEGATIVE), ("shared", SHARED_NEGATIVE)):
                plain[task, part] = losses[task](scores, rows["group"], rows["kinds"][task] == kind)
    heads = network.task_variables
    own = [variable for variables in heads.values() for variable in variables]
    for task in TASKS:
        head, shared_term = terms[task]["head"], terms[task]["shared"]
        np.testing.assert_allclose(head, plain[task, "head"], rtol=1e-5)
        np.testing.assert_allclose(shared_term, plain[task, "shared"], rtol=1e-5)
        assert dense(tape.gradient(head, network.shared_variables)) == [None] * len(network.shared_variables)
        assert dense(tape.gradient(shared_term, own)) == [None] * len(own)
        for term, part, variables in ((head, "head", heads[task]), (shared_term, "shared", network.shared_variables)):
            found = dense(tape.gradient(term, variables, unconnected_gradients="zero"))
            expected = dense(tape.gradient(plain[task, part], variables, unconnected_gradients="zero"))
            # A task that branches off at the input has nothing to do with the trunk.
            branched = name == "dsmtl_compact" and part == "shared" and network.architecture.depth(task) == 0
            assert any(value.any() for value in expected) != branched
            for left, right in zip(found, expected, strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-6)
