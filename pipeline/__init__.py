"""The pipeline: settings, wiring, evaluation and the command line."""

import models  # noqa: F401  chooses the Keras 2 API before TFX imports TensorFlow
