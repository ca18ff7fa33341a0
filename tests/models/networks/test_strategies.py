import models  # noqa: F401

# isort: split
import json

import numpy as np
import pytest
import tensorflow as tf

from models.networks.dsmtl import Dsmtl
from models.networks.dsmtl_compact import DsmtlCompact
from models.networks.dsmtl_search import DsmtlSearch
from models.networks.registry import build_network
from models.networks.strategies import individual_learning, train_in_stages

TASKS = ("zebra", "apple", "noise")


def labels_of(features):
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 2, features["age"].shape[0])
    return {
        "zebra": tf.cast(features["age"] > 0, tf.float32),
        "apple": tf.cast(features["age"] + features["watch time"] < 0, tf.float32),
        "noise": tf.constant(noise, tf.float32),
    }


class Runner:
    """Steps along the gradient's sign on all rows; held-out variables see the odd rows, the others then the even ones."""

    def __init__(self, features, steps=8, rate=0.02):
        self.features, self.labels = features, labels_of(features)
        self.steps, self.rate = steps, rate
        self.calls = []
        self.after_fit = None

    def _losses(self, network, keep=None):
        logits = network(self.features)
        rows = [tf.nn.sigmoid_cross_entropy_with_logits(self.labels[task], logits[task]) for task in network.tasks]
        return [tf.reduce_mean(row if keep is None else row[keep::2]) for row in rows]

    def fit(self, name, network, *, trainable=None, held_out=(), epochs=None):
        every = network.trainable_variables if trainable is None else trainable
        held = [variable.ref() for variable in held_out]
        weights = [variable for variable in every if variable.ref() not in held]
        assert set(held) <= {variable.ref() for variable in every}
        groups = [(weights, 0), (list(held_out), 1)] if held else [(weights, None)]
        for _ in range(self.steps):
            for variables, keep in groups:
                with tf.GradientTape() as tape:
                    loss = tf.add_n(self._losses(network, keep))
                for variable, gradient in zip(variables, tape.gradient(loss, variables), strict=True):
                    variable.assign_sub(self.rate * tf.sign(tf.convert_to_tensor(gradient)))
        self.calls.append({"name": name, "epochs": epochs, "trained": {variable.ref() for variable in every}})
        if self.after_fit is not None:
            self.after_fit(name, network)
        return f"fit of {name}"

    def train_losses(self, network):
        return dict(zip(network.tasks, (float(loss) for loss in self._losses(network)), strict=True))


@pytest.fixture
def runner(new_batch):
    return Runner(new_batch(128))


@pytest.mark.parametrize("gate, spoilt", [("softmax", False), ("softmax", True), ("sigmoid", True), ("gumbel", True)])
def test_no_task_ends_above_its_single_task_stage(gate, spoilt, spec, runner):
    """Where the public encoder is spoilt, gates have to close."""
    single = {}

    def after(name, network):
        if name == "single_task":
            single.update(runner.train_losses(network))
        elif spoilt:
            for index, variable in enumerate(network.shared_variables):
                variable.assign(20 * tf.random.stateless_normal(variable.shape, [1, index]))

    runner.after_fit = after
    result = train_in_stages(spec("dsmtl", TASKS, gate=gate, sharing="il"), runner)
    final = runner.train_losses(result.network)
    for task in TASKS:
        assert final[task] <= single[task]
        assert final[task] == min(result.train_losses[stage][task] for stage in ("single_task", "sharing"))
        closed = task in result.network.closed_tasks
        assert closed == (result.stage_of[task] == "single_task")
        assert closed == (result.train_losses["single_task"][task] <= result.train_losses["sharing"][task])
    assert result.network.closed_tasks or not spoilt or gate == "gumbel"


def test_stages_of_individual_learning(spec, runner):
    network = Dsmtl(spec("dsmtl", TASKS))
    kept = []

    def after(name, network):
        kept.append((network.closed_tasks, [v.numpy() for v in network.private_variables]))

    runner.after_fit = after
    result = individual_learning(network, runner)
    assert [call["name"] for call in runner.calls] == ["single_task", "sharing"]
    private, public = ({v.ref() for v in part} for part in (network.private_variables, network.public_variables))
    assert [call["trained"] for call in runner.calls] == [private, public]
    assert [closed for closed, _ in kept] == [TASKS, ()]
    for first, second in zip(kept[0][1], kept[1][1], strict=True):
        np.testing.assert_array_equal(first, second)
    assert result.network is network
    assert result.fits == {"single_task": "fit of single_task", "sharing": "fit of sharing"}


def test_the_first_stage_is_single_task_learning(spec, runner, new_batch):
    settings = spec("dsmtl", TASKS)
    single = build_network(
        settings.settings.model_copy(update={"network": "single_task"}),
        settings.features,
        settings.vocabulary_sizes,
        TASKS,
        settings.seed,
    )
    other = Runner(new_batch(128))
    other.fit("alone", single)
    result = individual_learning(Dsmtl(settings), runner)
    expected = other.train_losses(single)
    for task in TASKS:
        np.testing.assert_allclose(result.train_losses["single_task"][task], expected[task], rtol=1e-5)


@pytest.mark.parametrize("sharing_loss, stage", [(0.4, "sharing"), (0.5, "single_task"), (np.nan, "single_task")])
def test_a_gate_stays_open_only_where_the_loss_fell(sharing_loss, stage, spec):
    class Told:
        losses = iter([{"a": 0.5, "b": 0.5}, {"a": sharing_loss, "b": 0.6}])

        def fit(self, name, network, **_):
            return name

        def train_losses(self, network):
            return next(self.losses)

    result = individual_learning(Dsmtl(spec("dsmtl", ("a", "b"))), Told())
    assert result.stage_of == {"a": stage, "b": "single_task"}
    assert result.network.closed_tasks == (("b",) if stage == "sharing" else ("a", "b"))
    assert result.figures()["gates"] == {"a": [0.5, 0.5] if stage == "sharing" else [0.0, 1.0], "b": [0.0, 1.0]}
    assert result.figures()["closed_gates"] == list(result.network.closed_tasks)


@pytest.mark.parametrize("name, sharing", [("dsmtl", "jl"), ("shared_bottom", None), ("ple", None)])
def test_other_networks_and_joint_learning_take_one_stage(name, sharing, spec, runner):
    result = train_in_stages(spec(name, TASKS, sharing=sharing), runner)
    (call,) = runner.calls
    assert call == {"name": "joint", "epochs": None, "trained": {v.ref() for v in result.network.trainable_variables}}
    assert result.network.name == name
    assert result.fits == {"joint": "fit of joint"} and result.stage_of == dict.fromkeys(TASKS, "joint")
    assert result.figures()["closed_gates"] == [] and result.figures()["architecture"] is None


def test_stages_of_architecture_learning(spec, runner):
    seen = {}
    runner.after_fit = seen.__setitem__
    settings = spec("dsmtl", TASKS, sharing="al", search_epochs=4)
    result = train_in_stages(settings, runner)
    search, compact = seen["search"], seen["compact"]
    assert isinstance(search, DsmtlSearch) and isinstance(compact, DsmtlCompact) and result.network is compact
    assert [(call["name"], call["epochs"]) for call in runner.calls] == [("search", 4), ("compact", None)]
    assert all(variable.numpy().any() for variable in search.architecture_variables), "they have learned"
    assert result.architecture == compact.architecture == search.architecture
    assert result.stage_of == dict.fromkeys(TASKS, "compact")


def test_the_compact_network_starts_afresh(spec, runner):
    settings = spec("dsmtl", TASKS, sharing="al")
    runner.steps = 2

    def stop_training(name, network):
        runner.steps = 0

    runner.after_fit = stop_training
    result = train_in_stages(settings, runner)
    for left, right in zip(
        result.network.get_weights(), DsmtlCompact(settings, result.architecture).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(left, right)


def test_parameters_against_full_and_single_task_networks(spec, runner, build):
    def size(variables):
        return sum(int(np.prod(variable.shape)) for variable in variables)

    runner.steps = 1
    result = train_in_stages(spec("dsmtl", TASKS, sharing="al"), runner)
    full = build("dsmtl", TASKS)
    assert result.parameters == {
        "network": size(result.network.trainable_variables),
        # Two numbers a gate.
        "full": size(full.trainable_variables) - 2 * len(TASKS),
        "single_task": size(build("single_task", TASKS).trainable_variables),
    }
    assert result.parameters["network"] < result.parameters["full"]


def test_figures_are_plain_values(spec, runner):
    runner.steps = 1
    for sharing in ("il", "al"):
        result = train_in_stages(spec("dsmtl", TASKS, sharing=sharing), runner)
        figures = json.loads(json.dumps(result.figures()))
        assert figures["stages"] == list(result.fits)
        assert set(figures["stage_of"]) == set(TASKS)
        assert bool(figures["train_losses"]) == (sharing == "il")
        assert bool(figures["architecture"]) == (sharing == "al")
