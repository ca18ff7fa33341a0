"""Pushes a blessed model, aside and renamed; a model that was not blessed is never pushed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_pusher
from tfx.components.util import model_utils
from tfx.types import artifact_utils, standard_component_specs

from components.gate.verdict_record import VERDICT_DIGEST, VerdictRecord, cleared
from components.model_pusher import remote_push
from components.model_pusher.push import push
from models.formats.file_digest import JUDGED


class Executor(tfx_pusher.Executor):
    """TFX's Pusher executor with its own way of copying: TFX copies in place, where a kill leaves half a version."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Checks blessing and verdict, then pushes.

        Raises:
          ValueError: Blessing or verdict are not among the inputs (TFX's own executor would push unjudged), or the blessing
            does not say which files were judged.
          VerdictError: The verdict was edited, or is not that of the blessing.
          ChangedModelError: The model's files are not those that were judged.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        for key in (standard_component_specs.MODEL_BLESSING_KEY, "verdict"):
            if not input_dict.get(key):
                raise ValueError(f"ModelPusher: expected a `{key}`, received none; nothing was pushed")
        blessing = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_BLESSING_KEY])
        verdict = artifact_utils.get_single_instance(input_dict["verdict"])
        digest = blessing.get_string_custom_property(JUDGED)
        if not digest:
            raise ValueError("ModelPusher: expected a blessing that says which files were judged; nothing was pushed")
        record = VerdictRecord.load(verdict.uri, verdict.get_string_custom_property(VERDICT_DIGEST))
        blessed = model_utils.is_model_blessed(blessing)
        if not cleared(record, blessing.uri, blessed=blessed, judged=digest):
            self._MarkNotPushed(pushed)
            return
        model, directory = self.GetModelPath(input_dict), exec_properties["directory"]
        if "://" in model + directory:
            target = remote_push.push(model, directory, digest)
        else:
            target = str(push(Path(model), Path(directory), digest))
        self._MarkPushed(pushed, pushed_destination=target)
