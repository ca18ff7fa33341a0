"""TFX components of the training service."""

import models  # noqa: F401  chooses the Keras 2 API before any component imports TensorFlow
