"""Runs TFX's Evaluator and writes into the blessing a digest of the model that was judged."""

from __future__ import annotations

from typing import Any

from tfx.components.evaluator import executor as tfx_evaluator
from tfx.types import Artifact, artifact_utils, standard_component_specs
from tfx.utils import path_utils

from models.formats.file_digest import JUDGED, folder_digest


class Executor(tfx_evaluator.Executor):
    """TFX's Evaluator executor, which takes the digest before and after."""

    def Do(  # noqa: N802  the name is TFX's
        self,
        input_dict: dict[str, list[Artifact]],
        output_dict: dict[str, list[Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates; see TFX's executor.

        Raises:
          RuntimeError: The model's files changed while it was judged.
        """
        model = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_KEY])
        folder = path_utils.serving_model_path(model.uri)
        before = folder_digest(folder)
        super().Do(input_dict, output_dict, exec_properties)
        if folder_digest(folder) != before:
            raise RuntimeError(f"{folder}: expected that no file changes while the model is judged; run again")
        blessing = artifact_utils.get_single_instance(output_dict[standard_component_specs.BLESSING_KEY])
        blessing.set_string_custom_property(JUDGED, before)
