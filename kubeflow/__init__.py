"""The pipeline on Kubeflow Pipelines: compiling it, and running its tasks there."""

import pipeline  # noqa: F401  chooses the Keras 2 API before TFX imports TensorFlow
