"""Routing: which variables each fairness term reaches, and that the one loss equals the paper's separate ones."""

import models  # noqa: F401

# isort: split
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from models.config.networks import network_settings
from models.config.settings import FairnessSettings, FeatureSettings
from models.fairness.mtaf import MODES, FairnessBatch, routed_fairness
from models.fairness.registry import build_fairness_loss
from models.networks.registry import NETWORKS, build_network

TASKS = ("zebra", "long/view", "apple")
FEATURES = FeatureSettings.model_validate(
    {
        "inputs": [
            {"type": "numeric", "name": "x"},
            {"type": "categorical", "name": "c"},
            {"type": "numeric", "name": "z"},
        ],
        "crosses": [["x", "c"]],
    }
)
ROWS = 240
SEED = tf.constant([5, 6])
STRENGTH = dict(zip(TASKS, (1.0, 0.5, 2.0), strict=True))
RATIO = dict(zip(TASKS, (0.7, 1.0, 1.5), strict=True))
WEIGHT = dict(zip(TASKS, (0.5, 0.3, 0.2), strict=True))
EVERYWHERE = dict.fromkeys(TASKS, True)

SHARING = [name for name in sorted(NETWORKS) if name != "single_task"]
every_sharing_network = pytest.mark.parametrize("name", SHARING)
every_mtaf_mode = pytest.mark.parametrize("mode", ["mtaf", "mtaf_difference"])
every_loss = pytest.mark.parametrize("loss", ["fpr_gap", "correlation", "mmd"])


@dataclasses.dataclass
class Table:
    """A batch with its labels, some of them missing, as the negative splitter would leave them."""

    features: dict
    labels: dict
    weights: dict
    kinds: dict
    group: tf.Tensor

    def subset(self, rows):
        parts = ("features", "labels", "weights", "kinds")
        taken = {part: {k: tf.gather(v, rows) for k, v in getattr(self, part).items()} for part in parts}
        return Table(**taken, group=tf.gather(self.group, rows))


def make_table(rows=ROWS, tasks=TASKS, groups=2, seed=0):
    rng = np.random.default_rng(seed)
    group = rng.integers(-1, groups, rows)
    features = {
        "x": tf.constant(rng.normal(size=rows) + 0.5 * group, tf.float32),
        "z": tf.constant(rng.normal(size=rows), tf.float32),
        "c": tf.constant(rng.integers(0, 6, rows), tf.int64),
    }
    labels, known = rng.integers(0, 2, (rows, len(tasks))), rng.random((rows, len(tasks))) < 0.8
    kinds = np.zeros((rows, len(tasks)), int)
    for t in range(len(tasks)):
        others = [u for u in range(len(tasks)) if u != t]
        any_known = known[:, others].any(axis=1)
        all_positive = (~known[:, others] | (labels[:, others] == 1)).all(axis=1)
        kind = np.where(~any_known, 3, np.where(all_positive, 2, 1))
        kinds[:, t] = np.where(known[:, t] & (labels[:, t] == 0), kind, 0)
    labels = labels * known
    return Table(
        features,
        {task: tf.constant(labels[:, t], tf.float32) for t, task in enumerate(tasks)},
        {task: tf.constant(known[:, t], tf.float32) for t, task in enumerate(tasks)},
        {task: tf.constant(kinds[:, t], tf.int64) for t, task in enumerate(tasks)},
        tf.constant(group, tf.int64),
    )


def make_network(name, tasks=TASKS, dropout=0.3):
    settings = network_settings(network=name, embedding_units=4, shared_units=(8,), tower_units=(6,), dropout=dropout)
    return build_network(settings, FEATURES, {"c": 6}, tasks, 3)


def make_losses(loss="mmd", groups=2, tasks=TASKS, **settings):
    return {task: build_fairness_loss(FairnessSettings(loss=loss, **settings), groups, 0.5) for task in tasks}


def route(network, table, losses, mode="mtaf", on="negatives", **changes):
    """The terms of one step, trunk included, as a trainer computes them."""
    shared = network.trunk(table.features, training=True, seed=SEED)
    logits = network.heads(shared, training=True, seed=SEED)
    batch = FairnessBatch(shared, logits, table.labels, table.weights, table.kinds, table.group)
    arguments = {
        "strength": STRENGTH,
        "head_ratio": RATIO,
        "task_weight": WEIGHT,
        "has_specific": EVERYWHERE,
        "empty_specific": "none",
        "heads_call": lambda shared: network.heads(shared, training=True, seed=SEED),
        **changes,
    }
    return routed_fairness(network, batch, losses, mode=mode, on=on, **arguments)


def scores_of(network, features):
    logits = network(features, training=True, seed=SEED)
    return {task: tf.sigmoid(value) for task, value in logits.items()}


def flat(gradients, variables):
    """Gradients as one vector; None is zero."""
    pairs = zip(gradients, variables, strict=True)
    return np.concatenate([np.ravel(tf.zeros_like(v) if g is None else tf.convert_to_tensor(g)) for g, v in pairs])


def nothing(gradients):
    return all(gradient is None or not np.any(tf.convert_to_tensor(gradient)) for gradient in gradients)


@every_sharing_network
@every_mtaf_mode
@pytest.mark.parametrize("on", ["negatives", "positives", "both"])
def test_each_term_reaches_its_own_variables_and_no_others(name, mode, on):
    network, table = make_network(name), make_table()
    with tf.GradientTape(persistent=True) as tape:
        terms = route(network, table, make_losses(), mode, on)
    for task, parts in terms.items():
        assert nothing(tape.gradient(parts["head"], network.shared_variables))
        assert any(np.any(tf.convert_to_tensor(g)) for g in tape.gradient(parts["shared"], network.shared_variables))
        for owner, variables in network.task_variables.items():
            assert nothing(tape.gradient(parts["shared"], variables))
            assert nothing(tape.gradient(parts["head"], variables)) == (owner != task)


@every_sharing_network
@every_loss
@pytest.mark.parametrize("on", ["negatives", "positives", "both"])
def test_sum_equals_three_tapes(name, loss, on):
    """Task losses, heads on S_t and shared layers on H_t, differentiated apart as in the paper's own code."""
    network, table, losses = make_network(name), make_table(), make_losses(loss)
    sets = {task: row_sets_by_hand(table, task, on) for task in TASKS}

    def fairness(scores, task, part):
        return sum(losses[task](scores[task], table.group, rows[part]) for rows in sets[task])

    def task_loss(logits):
        each = {task: tf.nn.sigmoid_cross_entropy_with_logits(table.labels[task], logits[task]) for task in TASKS}
        return sum(WEIGHT[task] * tf.reduce_mean(table.weights[task] * each[task]) for task in TASKS)

    with tf.GradientTape() as task_tape:
        total = task_loss(network(table.features, training=True, seed=SEED))
    expected = flat(task_tape.gradient(total, network.trainable_variables), network.trainable_variables)
    for task in TASKS:
        with tf.GradientTape() as head_tape:
            head = (
                WEIGHT[task]
                * STRENGTH[task]
                * RATIO[task]
                * fairness(scores_of(network, table.features), task, "specific")
            )
        own = {variable.ref() for variable in network.task_variables[task]}
        expected += only(head_tape.gradient(head, network.trainable_variables), network.trainable_variables, own)
        with tf.GradientTape() as shared_tape:
            shared = WEIGHT[task] * STRENGTH[task] * fairness(scores_of(network, table.features), task, "shared")
        own = {variable.ref() for variable in network.shared_variables}
        expected += only(shared_tape.gradient(shared, network.trainable_variables), network.trainable_variables, own)

    with tf.GradientTape() as tape:
        terms = route(network, table, losses, "mtaf", on)
        total = task_loss(network(table.features, training=True, seed=SEED))
        total += sum(value for parts in terms.values() for value in parts.values())
    gradient = flat(tape.gradient(total, network.trainable_variables), network.trainable_variables)
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-6)


def only(gradients, variables, own):
    """The flat gradient with zeros for all variables but ``own``."""
    kept = [
        gradient if variable.ref() in own else None for gradient, variable in zip(gradients, variables, strict=True)
    ]
    return flat(kept, variables)


def row_sets_by_hand(table, task, on):
    kinds = table.kinds[task].numpy()
    sets = [{"all": kinds > 0, "specific": kinds == 2, "shared": kinds == 1}]
    own = (table.weights[task].numpy() > 0) & (table.labels[task].numpy() > 0)
    known = np.stack([table.weights[other].numpy() for other in TASKS if other != task]) > 0
    ones = known & (np.stack([table.labels[other].numpy() for other in TASKS if other != task]) > 0)
    sets.append({"all": own, "specific": own & known.any(0) & ~ones.any(0), "shared": own & ones.any(0)})
    return {"negatives": sets[:1], "positives": sets[1:], "both": sets}[on]


@every_sharing_network
@every_loss
def test_values_are_the_losses_on_each_set(name, loss):
    network, table, losses = make_network(name), make_table(), make_losses(loss)
    scores = scores_of(network, table.features)
    for mode in ("vanilla", "mtaf", "mtaf_difference"):
        terms = route(network, table, losses, mode, "both")
        assert list(terms) == list(TASKS)
        for task in TASKS:
            value = {}
            for part in ("all", "specific", "shared"):
                for rows in row_sets_by_hand(table, task, "both"):
                    share = np.mean(rows[part] & (table.group.numpy() >= 0)) if mode == "mtaf_difference" else 1.0
                    value[part] = value.get(part, 0.0) + share * float(
                        losses[task](scores[task], table.group, rows[part])
                    )
            head = RATIO[task] * value["specific"]
            expected = {
                "vanilla": {"all": value["all"]},
                "mtaf": {"head": head, "shared": value["shared"]},
                "mtaf_difference": {"head": head, "shared": value["all"] - head},
            }[mode]
            factor = WEIGHT[task] * STRENGTH[task]
            got = {part: float(term) for part, term in terms[task].items()}
            assert got == pytest.approx(
                {part: factor * number for part, number in expected.items()}, rel=1e-4, abs=1e-7
            )


@every_sharing_network
def test_difference_form_has_the_differences_gradient(name):
    network, table, losses = make_network(name), make_table(), make_losses()
    with tf.GradientTape(persistent=True) as tape:
        terms = route(network, table, losses, "mtaf_difference")
        scores = scores_of(network, table.features)
        for task in TASKS:
            (rows,) = row_sets_by_hand(table, task, "negatives")
            share = {part: np.mean(mask & (table.group.numpy() >= 0)) for part, mask in rows.items()}
            whole = share["all"] * losses[task](scores[task], table.group, rows["all"])
            head = RATIO[task] * share["specific"] * losses[task](scores[task], table.group, rows["specific"])
            terms[task]["expected"] = WEIGHT[task] * STRENGTH[task] * (whole - head)
    for task in TASKS:
        got, expected = (
            flat(tape.gradient(terms[task][part], network.shared_variables), network.shared_variables)
            for part in ("shared", "expected")
        )
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_vanilla_reaches_every_variable_of_its_task(name):
    network, table = make_network(name), make_table()
    with tf.GradientTape(persistent=True) as tape:
        terms = route(network, table, make_losses(), "vanilla")
    for task, parts in terms.items():
        assert list(parts) == ["all"]
        for owner, variables in network.task_variables.items():
            assert nothing(tape.gradient(parts["all"], variables)) == (owner != task)
        if network.shared_variables:
            assert not nothing(tape.gradient(parts["all"], network.shared_variables))


def test_vanilla_sees_undetermined_negatives_and_mtaf_does_not():
    network, table = make_network("shared_bottom"), make_table()
    changed = {task: tf.where(kinds == 3, tf.zeros_like(kinds), kinds) for task, kinds in table.kinds.items()}
    without = dataclasses.replace(table, kinds=changed)
    assert any(np.any(kinds == 3) for kinds in table.kinds.values())
    for mode, same in (("vanilla", False), ("mtaf", True)):
        left, right = (route(network, each, make_losses(), mode) for each in (table, without))
        assert all(np.array_equal(left[t][part], right[t][part]) for t in TASKS for part in left[t]) == same


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_none_has_no_terms(name):
    assert route(make_network(name), make_table(), make_losses(), "none") == {}


@every_mtaf_mode
def test_a_network_that_shares_nothing_is_refused(mode):
    with pytest.raises(ValueError, match=f"mode `{mode}` trains shared layers .* `single_task` has no shared layers"):
        route(make_network("single_task"), make_table(), make_losses(), mode)


@every_mtaf_mode
def test_a_head_without_specific_negatives_gets_no_term(mode):
    network, table = make_network("shared_bottom"), make_table()
    without = {**EVERYWHERE, "apple": False}
    terms = route(network, table, make_losses(), mode, has_specific=without)
    whole = route(network, table, make_losses(), mode)
    assert list(terms["apple"]) == ["shared"] and set(terms["zebra"]) == {"head", "shared"}
    np.testing.assert_array_equal(terms["zebra"]["head"], whole["zebra"]["head"])
    if mode == "mtaf":
        np.testing.assert_array_equal(terms["apple"]["shared"], whole["apple"]["shared"])
    else:
        expected = whole["apple"]["shared"] + whole["apple"]["head"]
        np.testing.assert_allclose(terms["apple"]["shared"], expected, rtol=1e-5)


@every_sharing_network
def test_a_head_without_specific_negatives_may_take_all(name):
    network, table = make_network(name), make_table()
    changes = {"has_specific": {**EVERYWHERE, "apple": False}, "empty_specific": "all_negatives"}
    with tf.GradientTape(persistent=True) as tape:
        terms = route(network, table, make_losses(), "mtaf", **changes)
    vanilla = route(network, table, make_losses(), "vanilla")
    np.testing.assert_allclose(terms["apple"]["head"], RATIO["apple"] * vanilla["apple"]["all"], rtol=1e-5)
    assert nothing(tape.gradient(terms["apple"]["head"], network.shared_variables))


def degenerate(table, case):
    if case == "no rows":
        return table.subset(np.arange(0))
    if case == "one group":
        return dataclasses.replace(table, group=tf.zeros_like(table.group))
    if case == "no group":
        return dataclasses.replace(table, group=-tf.ones_like(table.group))
    # All labels 1: no negatives. None known: neither.
    value = {"no negatives": 1.0, "no labels": 0.0}[case]
    filled = {task: tf.fill([ROWS], value) for task in TASKS}
    return dataclasses.replace(
        table, labels=filled, weights=filled, kinds={task: tf.zeros_like(kinds) for task, kinds in table.kinds.items()}
    )


@pytest.mark.parametrize("case", ["no rows", "one group", "no group", "no negatives", "no labels"])
@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_nothing_to_compare_gives_zero_and_zero_gradient(case, name):
    network, table = make_network(name), degenerate(make_table(), case)
    for mode in ("vanilla",) if name == "single_task" else ("vanilla", "mtaf", "mtaf_difference"):
        for loss in ("fpr_gap", "correlation", "mmd"):
            with tf.GradientTape() as tape:
                terms = route(network, table, make_losses(loss), mode)
                total = sum(value for parts in terms.values() for value in parts.values())
            assert float(total) == 0.0
            assert nothing(tape.gradient(total, network.trainable_variables))


@every_sharing_network
@every_loss
def test_constant_scores_give_zero_and_zero_gradient(name, loss):
    network, table = make_network(name), make_table()
    for variables in network.task_variables.values():
        for variable in variables[-2:]:
            variable.assign(tf.zeros_like(variable))
    for mode in ("vanilla", "mtaf", "mtaf_difference"):
        with tf.GradientTape() as tape:
            terms = route(network, table, make_losses(loss), mode, "both")
            total = sum(value for parts in terms.values() for value in parts.values())
        assert float(total) == 0.0
        assert nothing(tape.gradient(total, network.trainable_variables))


@pytest.mark.parametrize("name", sorted(NETWORKS))
@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_number_of_tasks_and_groups(name, count):
    tasks = ("zebra", "long/view", "apple", "Like", "middle")[:count]
    network, table = make_network(name, tasks), make_table(tasks=tasks, groups=4)
    for mode in MODES if name != "single_task" else ("none", "vanilla"):
        terms = route(
            network,
            table,
            make_losses(groups=4, tasks=tasks),
            mode,
            **{key: dict.fromkeys(tasks, 1.0) for key in ("strength", "head_ratio", "task_weight")},
            has_specific=dict.fromkeys(tasks, True),
        )
        assert list(terms) == ([] if mode == "none" else list(tasks))
        assert all(np.isfinite(value) for parts in terms.values() for value in parts.values())
        if count == 1 and mode.startswith("mtaf"):
            assert float(terms["zebra"]["head"]) == 0.0, "with one task there is no other to be specific against"


@every_sharing_network
@every_mtaf_mode
def test_compiled_step_equals_eager(name, mode):
    network, table, losses = make_network(name), make_table(), make_losses()

    def step():
        with tf.GradientTape() as tape:
            terms = route(network, table, losses, mode)
            total = sum(value for parts in terms.values() for value in parts.values())
        gradients = tape.gradient(total, network.trainable_variables)
        return terms, [tf.convert_to_tensor(gradient) for gradient in gradients]

    eager, compiled = step(), tf.function(step, autograph=False)()
    for task in TASKS:
        assert set(eager[0][task]) == set(compiled[0][task])
        for part, value in eager[0][task].items():
            np.testing.assert_allclose(compiled[0][task][part], value, rtol=1e-4, atol=1e-7)
    for left, right in zip(eager[1], compiled[1], strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-6)


def test_repeating_the_batch_changes_nothing():
    network, table = make_network("shared_bottom", dropout=0.0), make_table()
    twice = table.subset(np.tile(np.arange(ROWS), 2))
    for mode in ("vanilla", "mtaf", "mtaf_difference"):
        once, again = (route(network, each, make_losses(), mode) for each in (table, twice))
        for task in TASKS:
            for part, value in once[task].items():
                np.testing.assert_allclose(again[task][part], value, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("change, message", [({"mode": "fair"}, "`mode`.*'fair'"), ({"on": "all"}, "`on`.*'all'")])
def test_unknown_names_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        route(make_network("shared_bottom"), make_table(), make_losses(), **change)


def test_unknown_remedy_is_refused():
    with pytest.raises(ValueError, match=r"`empty_specific` should be one of \['none', 'all_negatives'\].*'skip'"):
        route(make_network("shared_bottom"), make_table(), make_losses(), empty_specific="skip")


@every_sharing_network
def test_a_step_down_the_terms_lowers_each_of_them(name):
    network, table, losses = make_network(name, dropout=0.0), make_table(), make_losses("fpr_gap")

    def total():
        terms = route(network, table, losses)
        return sum(value for parts in terms.values() for value in parts.values())

    before = float(total())
    for _ in range(30):
        with tf.GradientTape() as tape:
            value = total()
        for variable, gradient in zip(
            network.trainable_variables, tape.gradient(value, network.trainable_variables), strict=True
        ):
            variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    assert float(total()) < 0.7 * before
