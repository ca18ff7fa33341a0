"""Pushes a blessed model, aside and renamed; a model that was not blessed is never pushed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx import types
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import artifact_utils, standard_component_specs

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
        """Checks the blessing, then pushes.

        Raises:
          ValueError: There is no blessing among the inputs (TFX's own executor would push unjudged), or one that does not
            say which files were judged.
          ChangedModelError: The model's files are not those that were judged.
        """
        pushed = artifact_utils.get_single_instance(output_dict[standard_component_specs.PUSHED_MODEL_KEY])
        if not input_dict.get(standard_component_specs.MODEL_BLESSING_KEY):
            raise ValueError("ModelPusher: expected a `model_blessing`, received none; nothing was pushed")
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        blessing = artifact_utils.get_single_instance(input_dict[standard_component_specs.MODEL_BLESSING_KEY])
        digest = blessing.get_string_custom_property(JUDGED)
        if not digest:
            raise ValueError("ModelPusher: expected a blessing that says which files were judged; nothing was pushed")
        model, directory = self.GetModelPath(input_dict), exec_properties["directory"]
        if "://" in model + directory:
            target = remote_push.push(model, directory, digest)
        else:
            target = str(push(Path(model), Path(directory), digest))
        self._MarkPushed(pushed, pushed_destination=target)
