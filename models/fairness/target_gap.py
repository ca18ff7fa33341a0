"""λ_t from a target: dual ascent on the FPR gap of the validation split.

The user asks for "FPR gap of click at most 0.02", and gets the most accurate model that holds it:

  min_θ Σ_t w_t L_t(θ)  such that  gap_t(θ) ≤ c_t,

whose Lagrangian gives λ_t ≥ 0 and the ascent λ_t ← max(0, λ_t + η (gap_t − c_t)). The gap that counts has no gradient, so
training follows its surrogate F_t, whatever `fairness.loss` is, and only λ_t follows the gap: the proxy-Lagrangian form of
Cotter et al. (2019, "Two-player games for efficient non-convex constrained optimization").

Plain ascent needs a step size η that suits the scale of F_t, the size of the gap and the number of epochs. Here the ascent
is made in u_t with λ_t = s_t (e^{u_t} − 1), u_t ≥ 0, on the relative error e_t = (gap_t − aim_t) / c_t, so that neither has
a unit. Near 0 it is the plain ascent, and λ_t reaches 0 where the target does not bind; above s_t it is multiplicative, and
λ_t crosses orders of magnitude in a few updates.

A network that has hardly learned yet has gaps that its training closes by itself, several times those that it ends with
where epochs are few, and a λ_t that rises on them costs accuracy for nothing. So λ_t stays at its first value for the first
part of the training.

The gap of one validation split at one step is noisy: by few negatives, and by the last steps of the optimiser. So the steps
shrink each time that the error changes its sign, from the first miss of the target on, and those downwards shrink faster:
λ_t crosses what is far at full speed, and comes to rest where most epochs hold the target, and not every other one. (Kesten,
1958, "Accelerated stochastic approximation", has steps that shrink with the changes of sign.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from scipy import stats

from models.config.fairness import strengths_of, targets_of
from models.config.settings import FairnessSettings
from models.metrics.task_scores import TaskScores

# s_t as a share of the first λ_t (or of 1 where that is 0): below it λ_t weighs little and goes down in even steps.
_SCALE = 0.25
# The share of a training's steps in which λ stays.
_WARM_UP = 0.25
# Steps of u for an error of 1, upwards and downwards, at first; the upward ones fall with the square root of 1 + the number
# of changes of sign, the downward ones in proportion to it.
_UP = 0.4
_DOWN = 0.3
# A gap this many times its target above it says no more than "far".
_FAR = 1.5
# Updates that a training should have at least, and steps between two of them at least.
_UPDATES = 32
_STEPS_BETWEEN = 10
# A row costs about so many times as much in training as in scoring.
_STEP_COST = 3
# Change of u within an epoch up to which λ counts as settled.
_SETTLED = 0.15


class DualAscent(tf.Module):
    """λ_t of the tasks with a target, moved by the gaps that validation shows.

    A ``tf.Module``, so that a checkpoint holds where it stands.

    Args:
      settings: Targets, margin and bound.
      strength: Task → the variable that the loss reads λ_t from, at its first value.
    """

    def __init__(self, settings: FairnessSettings, strength: Mapping[str, tf.Variable]) -> None:
        super().__init__()
        tasks = list(strength)
        self.targets = targets_of(settings, tasks)
        self.most = settings.max_strength
        self._aims = {task: target * (1 - settings.target_margin) for task, target in self.targets.items()}
        first = strengths_of(settings, tasks)
        self._scales = {task: _SCALE * (first[task] or 1.0) for task in self.targets}
        self.strength = {task: strength[task] for task in self.targets}
        # Whether the last gap missed the target, and how often that changed since the first miss.
        self._missed = {task: tf.Variable(False, trainable=False) for task in self.targets}
        self._changes = {task: _state(-1) for task in self.targets}
        # u_t.
        self._levels = {task: _state(self._level(task, first[task])) for task in self.targets}
        # When the epoch began.
        self._epoch_levels = {task: _state(float(level)) for task, level in self._levels.items()}
        self._warming_up = True

    def strengths(self) -> dict[str, float]:
        """Task → λ_t as it stands."""
        return {task: float(variable.numpy()) for task, variable in self.strength.items()}

    def update(self, gaps: Mapping[str, float], progress: float) -> None:
        """One step.

        Args:
          gaps: Task → FPR gap on validation at the task's decision threshold.
          progress: Share of the training's steps that is done, in [0, 1].
        """
        self._warming_up = progress <= _WARM_UP
        if self._warming_up:
            return
        for task, aim in self._aims.items():
            error = min((gaps[task] - aim) / self.targets[task], _FAR)
            if (error > 0) != bool(self._missed[task].numpy()):
                self._missed[task].assign(error > 0)
                self._changes[task].assign_add(1)
            age = 1 + max(float(self._changes[task].numpy()), 0.0)
            gain = _UP / math.sqrt(age) if error > 0 else _DOWN / age
            level = float(self._levels[task].numpy()) + gain * error
            level = float(np.clip(level, 0.0, self._level(task, self.most)))
            self._levels[task].assign(level)
            self.strength[task].assign(min(self._scales[task] * math.expm1(level), self.most))

    def end_epoch(self) -> bool:
        """Begins a new epoch; says whether λ moved so little in the one that ends that the network had time to follow.

        Where it has not begun to move, it is still to.
        """
        moved = [abs(float(self._levels[t].numpy()) - float(self._epoch_levels[t].numpy())) for t in self.targets]
        for task, level in self._levels.items():
            self._epoch_levels[task].assign(level)
        return not self._warming_up and max(moved) <= _SETTLED

    def excess(self, gaps: Mapping[str, float]) -> float:
        """The largest ratio of a gap to its target: all targets are held where it is at most 1."""
        return max(gaps[task] / target for task, target in self.targets.items())

    def _level(self, task: str, strength: float) -> float:
        return math.log1p(strength / self._scales[task])


def _state(value: float) -> tf.Variable:
    return tf.Variable(value, trainable=False, dtype=tf.float64)


def updates_at(steps: int, epochs: int, batch_size: int, validation_rows: int) -> list[int]:
    """The steps of an epoch after which λ is updated, the last one among them.

    λ should have some thirty updates in a training, the network some steps between two of them, and scoring validation
    should not take longer than training.

    Args:
      steps: Of an epoch.
      epochs: Of the training.
      batch_size: Rows of a step.
      validation_rows: That an update scores.
    """
    apart = max(_STEPS_BETWEEN, math.ceil(validation_rows / (_STEP_COST * batch_size)))
    count = min(math.ceil(_UPDATES / epochs), max(steps // apart, 1))
    return sorted({round(steps * (index + 1) / count) for index in range(count)})


def outcome(
    settings: FairnessSettings,
    history: Sequence[Mapping[str, Any]],
    kept: int,
    scores: Mapping[str, TaskScores],
    thresholds: Mapping[str, float],
    group: str,
) -> dict[str, dict[str, Any]]:
    """What became of the targets: the `target_gap` block of `training.json`.

    Args:
      settings: With the targets.
      history: The records of all epochs.
      kept: Index of the epoch whose weights were kept.
      scores: Task → the kept weights' scores on validation.
      thresholds: Task → decision threshold.
      group: The key whose gap was asked for.

    Returns:
      Task → ``asked``; ``achieved``, the gap on validation; ``standard_error`` and ``upper`` of it, see ``measured_gap``;
      ``held``; ``sure``, whether ``upper`` too is at most what was asked for; ``strength``, λ in the kept epoch;
      ``last_strength``; ``at_bound``, whether that is the largest allowed; ``epoch``, from 1; ``strengths`` and
      ``gaps``, λ and the gap on validation by epoch; ``sentence``, the outcome in words.
    """
    result = {}
    for task, asked in targets_of(settings, list(scores)).items():
        gap = measured_gap(scores[task], group, thresholds[task])
        path = [float(record["tasks"][task]["strength"]) for record in history]
        found = {
            "asked": asked,
            "achieved": gap.value,
            "standard_error": gap.standard_error,
            "upper": gap.upper,
            "held": gap.value <= asked,
            "sure": gap.upper <= asked,
            "strength": path[kept],
            "last_strength": path[-1],
            "at_bound": path[-1] >= settings.max_strength,
            "epoch": kept + 1,
            "strengths": path,
            "gaps": [float(record["tasks"][task]["validation"]["fpr_gap"]) for record in history],
        }
        result[task] = {**found, "sentence": _sentence(task, group, found)}
    return result


class MeasuredGap(NamedTuple):
    """A gap on a sample, for independent rows, and as if the two groups it lies between had been named beforehand.

    Attributes:
      value: Highest less lowest rate over the groups.
      standard_error: Of the difference.
      upper: One-sided bound at 95 % (Newcombe, 1998, method 10). Unlike the standard error it says something where every or
        no row is predicted positive.
    """

    value: float
    standard_error: float
    upper: float


def measured_gap(scores: TaskScores, group: str, threshold: float) -> MeasuredGap:
    """The FPR gap at ``threshold``, and how sure it is."""
    rows = ~scores.labels & (scores.groups[group] >= 0)
    groups, positive = scores.groups[group][rows], scores.probabilities[rows] > threshold
    counts = np.bincount(groups)
    kept = counts > 0
    positives, counts = np.bincount(groups, weights=positive)[kept], counts[kept]
    rates = positives / counts
    high, low = int(np.argmax(rates)), int(np.argmin(rates))
    gap = float(np.ptp(rates))
    variance = sum(rates[end] * (1 - rates[end]) / counts[end] for end in (high, low))
    # The upper end of a two-sided interval at 90 %.
    bounds = [
        stats.binomtest(int(positives[end]), int(counts[end])).proportion_ci(0.9, method="wilson")
        for end in (high, low)
    ]
    upper = gap + math.hypot(bounds[0].high - rates[high], rates[low] - bounds[1].low)
    return MeasuredGap(gap, math.sqrt(variance), min(upper, 1.0))


def _sentence(task: str, group: str, found: Mapping[str, Any]) -> str:
    """What a person reads of a target."""
    reached = (
        f"an FPR gap of {found['achieved']:.4f} (standard error {found['standard_error']:.4f}) between `{group}`, at epoch "
        f"{found['epoch']} with λ {found['strength']:.4g}"
    )
    if found["held"]:
        doubt = (
            ""
            if found["sure"]
            else (
                f". Validation is too small to be sure of it: the gap may be as large as {found['upper']:.4f} (95 %), and "
                "other rows may miss the target"
            )
        )
        return f"target_gap {found['asked']:g} of `{task}` was held on validation: {reached}{doubt}"
    if found["at_bound"]:
        advice = (
            f"; λ ended at its bound {found['last_strength']:g} (`fairness.max_strength`): raise that where the gap still "
            "fell with λ, and ask for a larger gap or take another `fairness.loss` where it did not"
        )
    else:
        advice = f"; λ ended at {found['last_strength']:.4g}, below its bound: more epochs may help"
    if found["asked"] < found["standard_error"]:
        advice += ". The target is finer than validation can tell: ask for more than its standard error, or add rows"
    return f"target_gap {found['asked']:g} of `{task}` was NOT held on validation: the closest was {reached}{advice}"
