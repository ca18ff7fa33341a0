"""Names of the batched metrics in an EvalConfig."""

from __future__ import annotations

import importlib

import tensorflow_model_analysis as tfma

# Before the class name: TFMA prefers a class of its own to one of the same name in the module that is given.
PREFIX = "Batched"
METRICS_MODULE = "components.batched_evaluation.metrics"

# Attribute of metric classes that give the same figures for an element of many rows as for many of one.
TAKES_ARRAYS = "takes_arrays"


def batched_metric(metric: tfma.MetricConfig) -> tfma.MetricConfig:
    """The same metric over arrays; its keys and settings stay."""
    return tfma.MetricConfig(class_name=f"{PREFIX}{metric.class_name}", module=METRICS_MODULE, config=metric.config)


def is_batched(eval_config: tfma.EvalConfig) -> bool:
    """Whether metrics of the EvalConfig take arrays."""
    return any(metric.module == METRICS_MODULE for spec in eval_config.metrics_specs for metric in spec.metrics)


def takes_arrays(metric: tfma.MetricConfig) -> bool:
    """Whether the metric's class says so."""
    return bool(metric.module) and getattr(
        getattr(importlib.import_module(metric.module), metric.class_name), TAKES_ARRAYS, False
    )
