"""Multi-task networks, fairness losses and their training.

Importing this package chooses the Keras 2 API (``tf_keras``) for the whole process: TensorFlow Recommenders, TensorFlow
Transform's layers and TensorFlow Model Analysis are built on it and refuse Keras 3. ``components`` and ``pipeline``
import this package first, so that every entry (command line, tests, Beam workers) passes here before TensorFlow loads.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
