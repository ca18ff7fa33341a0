"""One training, from files to files, as the Trainer hands it to its child process."""

from __future__ import annotations

import os
from typing import Optional

from models.config.settings import Settings, TrainerSettings
from models.training.checkpointing import checkpoint_key


class TrainingJob(Settings):
    """What to train on, how, and where the results go.

    Attributes:
      settings: Of features, network, fairness and training.
      code: Hash of the code, part of the checkpoints' key.
      train_files: Patterns of the transformed train examples.
      validation_files: Patterns of the transformed validation examples.
      transform_dir: What Transform wrote.
      model_dir: The SavedModel; should not exist.
      log_dir: TensorBoard events and ``training.json``.
      checkpoint_root: Folder of all checkpoints; None keeps none.
    """

    settings: TrainerSettings
    code: str
    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]
    transform_dir: str
    model_dir: str
    log_dir: str
    checkpoint_root: Optional[str] = None

    def checkpoint_dir(self) -> Optional[str]:
        """The folder of this training's checkpoints, named by all that determines its result."""
        if self.checkpoint_root is None:
            return None
        inputs = [self.train_files, self.validation_files, self.transform_dir]
        key = checkpoint_key(inputs, self.settings.model_dump(mode="json"), self.code)
        return os.path.join(self.checkpoint_root, key)
