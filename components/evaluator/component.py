"""TFX's Evaluator, whose blessing says which files it judged."""

from __future__ import annotations

from tfx.components.evaluator import component as tfx_evaluator
from tfx.dsl.components.base import executor_spec

from components.evaluator.executor import Executor


class Evaluator(tfx_evaluator.Evaluator):
    """TFX's Evaluator with our executor; arguments and outputs are the same."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
