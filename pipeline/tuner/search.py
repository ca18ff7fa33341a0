"""The tuner that TFX's Tuner runs: KerasTuner draws the trials, and worker processes train them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import keras_tuner
from absl import logging
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.v1.components import TunerFnResult

from models.config.hyperparameters import Value, with_values
from models.config.settings import FairnessSettings, TrainerSettings
from models.training.sweep import SweepData, Trained
from pipeline.experiments.cases import Case, CaseResult
from pipeline.experiments.pool import run_cases
from pipeline.running.events import PROGRESS
from pipeline.tuner.objective import Tradeoff, tradeoff, why_undefined
from pipeline.tuner.settings import RangeSettings, TuneSettings

_BASELINE = "baseline"


def search_space(tune: TuneSettings) -> keras_tuner.HyperParameters:
    """What is searched, as KerasTuner has it; names are those of ``with_values``."""
    space = keras_tuner.HyperParameters()
    ranges: dict[str, Optional[RangeSettings]] = {
        "fairness.strength": tune.strength,
        "fairness.head_ratio": tune.head_ratio,
        "training.learning_rate": tune.learning_rate,
    }
    for name, ends in ranges.items():
        if ends is not None:
            space.Float(name, ends.low, ends.high, sampling="log")
    choices: dict[str, Sequence[Value]] = {
        "fairness.mode": tune.mode,
        "fairness.loss": tune.loss,
        "model.embedding_units": tune.embedding_units,
        "model.shared_units": [",".join(map(str, widths)) for widths in tune.shared_units],
        "model.tower_units": [",".join(map(str, widths)) for widths in tune.tower_units],
    }
    for name, values in choices.items():
        if values:
            space.Choice(name, list(values))
    return space


@dataclasses.dataclass(frozen=True)
class Row:
    """A trial in the table.

    Attributes:
      trial: Its id.
      values: What was tried.
      tradeoff: None where the training failed.
      error: Why it failed.
    """

    trial: str
    values: dict[str, Value]
    tradeoff: Optional[Tradeoff]
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values; what is undefined is None."""
        found = {} if self.tradeoff is None else dataclasses.asdict(self.tradeoff)
        figures = {key: found.get(key) if math.isfinite(found.get(key, math.nan)) else None for key in ("are", "arfg")}
        return {"trial": self.trial, **self.values, **figures, "error": self.error}


class CandidateTuner(keras_tuner.engine.base_tuner.BaseTuner):
    """Random search over the candidate's settings.

    The oracle draws all trials first, which random search allows; then they are trained side by side. After a kill its seed
    draws the same trials again, and those that were trained are found in ``folder``.

    Args:
      candidate: What the trials change.
      baseline: Single-task models, trained once.
      tune: The search.
      data: Train and validation.
      folder: For results.
      code: Hash of the code.
      directory: For KerasTuner's own files.
    """

    def __init__(
        self,
        candidate: TrainerSettings,
        baseline: TrainerSettings,
        tune: TuneSettings,
        *,
        data: SweepData,
        folder: Path,
        code: str,
        directory: str,
    ) -> None:
        oracle = keras_tuner.oracles.RandomSearchOracle(
            objective=keras_tuner.Objective("score", "min"),
            max_trials=tune.trials,
            seed=tune.seed,
            hyperparameters=search_space(tune),
            allow_new_entries=False,
            max_consecutive_failed_trials=tune.trials + 1,
        )
        oracle.verbose = 0
        super().__init__(oracle, directory=directory, project_name="tuner", overwrite=True)
        self.rows: list[Row] = []
        self.tune = tune
        self._candidate, self._baseline = candidate, baseline
        self._data, self._folder, self._code = data, folder, code

    def search(self, *_: Any, **__: Any) -> None:
        """Draws and trains all trials.

        Raises:
          RuntimeError: The single-task models could not be trained, or no trial could.
          ValueError: ARE or ARFG is undefined whatever the trial.
        """
        trials = self._draw()
        cases = [Case(_BASELINE, self._baseline)] + [
            Case(f"trial-{trial.trial_id}", with_values(self._candidate, trial.hyperparameters.values))
            for trial in trials
        ]
        results = {
            result.name: result
            for result in run_cases(
                cases,
                self._data,
                self._folder,
                workers=self.tune.workers,
                code=self._code,
                report=lambda line: logging.info("%s%s", PROGRESS, line),
            )
        }
        baseline = self._trained_baseline(results[_BASELINE])
        for trial in trials:
            self._end(trial, results[f"trial-{trial.trial_id}"], baseline)
        self._say_best()

    def _draw(self) -> list[Any]:
        trials: list[Any] = []
        # One name for each, as if so many tuners asked at once.
        while (trial := self.oracle.create_trial(f"{self.tuner_id}-{len(trials)}")).status == "RUNNING":
            trials.append(trial)
        return trials

    def _trained_baseline(self, result: CaseResult) -> Trained:
        if result.trained is None:
            raise RuntimeError(f"the single-task models that trials are measured against failed: {result.error}")
        reason = why_undefined(result.trained)
        if reason is not None:
            raise ValueError(f"`tune` cannot compare trials on validation: {reason}")
        return result.trained

    def _end(self, trial: Any, result: CaseResult, baseline: Trained) -> None:
        found = None if result.trained is None else tradeoff(result.trained, baseline)
        self.rows.append(Row(trial.trial_id, dict(trial.hyperparameters.values), found, result.error or ""))
        if found is not None:
            self.oracle.update_trial(trial.trial_id, {"score": found.score(self.tune.arfg_max)})
        trial.status = "FAILED" if found is None else "COMPLETED"
        trial.message = result.error
        self.oracle.end_trial(trial)

    def _say_best(self) -> None:
        rows = [(row, row.tradeoff) for row in self.rows if row.tradeoff is not None]
        if not rows:
            errors = sorted({row.error for row in self.rows})
            raise RuntimeError(f"none of {len(self.rows)} trials could be trained: {errors[0]}")
        best, found = min(rows, key=lambda pair: pair[1].score(self.tune.arfg_max))
        values = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in best.values.items()
        )
        text = f"best of {len(self.rows)} trials: {values}; on validation ARE {found.are:.4f}, ARFG {found.arfg:.4f}"
        if found.holds(self.tune.arfg_max):
            logging.info("%s%s", PROGRESS, text)
        else:
            logging.warning(
                "no trial held ARFG at most %g (`tune.arfg_max`) on validation. Closest, %s", self.tune.arfg_max, text
            )


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """What TFX's Tuner calls.

    ``custom_config``: ``candidate`` and ``baseline``, the JSON of ``TrainerSettings``; ``tune``, of ``TuneSettings``;
    ``code``, a hash of the code that runs; ``trials_root``, a local folder for results (absent, or on another file system: a
    killed search starts anew).
    """
    config = fn_args.custom_config
    candidate = TrainerSettings.model_validate_json(config["candidate"])
    baseline = TrainerSettings.model_validate_json(config["baseline"])
    # ARFG compares gaps between the same groups.
    group = candidate.fairness.group or candidate.groups[0]
    baseline = baseline.model_copy(update={"fairness": FairnessSettings(mode="none", group=group)})
    root = config.get("trials_root")
    local = root is not None and "://" not in root
    folder = os.path.join(root, "tuner") if local else tempfile.mkdtemp(prefix="tuner-")
    tuner = CandidateTuner(
        candidate,
        baseline,
        TuneSettings.model_validate_json(config["tune"]),
        data=SweepData(fn_args.transform_graph_path, _only(fn_args.train_files), _only(fn_args.eval_files), test=None),
        folder=Path(folder),
        code=config["code"],
        directory=fn_args.working_dir,
    )
    return TunerFnResult(tuner=tuner, fit_kwargs={})


def _only(patterns: Sequence[str]) -> str:
    if len(patterns) != 1:
        raise ValueError(f"the Tuner should have one pattern of files for each split. Received: {list(patterns)}")
    return patterns[0]


def table(rows: Sequence[Row]) -> str:
    """The trials as JSON, in the order in which they were drawn."""
    return json.dumps([row.to_json() for row in rows], indent=2, allow_nan=False)
