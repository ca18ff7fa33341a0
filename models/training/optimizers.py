"""The optimiser that `training.optimizer` names."""

from __future__ import annotations

import tf_keras as keras

from models.config.settings import TrainingSettings
from models.training.lazy_adam import LazyAdam


def make_optimizer(settings: TrainingSettings) -> keras.optimizers.Optimizer:
    """The optimiser that the settings name."""
    classes = {
        "adam": keras.optimizers.Adam,
        "lazy_adam": LazyAdam,
        "adagrad": keras.optimizers.Adagrad,
        "sgd": keras.optimizers.SGD,
    }
    return classes[settings.optimizer](learning_rate=settings.learning_rate)
