"""Judges the candidate: a verdict with its reasons, and the blessing that the pusher takes."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from components.gate.conversion import to_record
from components.gate.verdict_record import VERDICT_DIGEST
from components.tradeoff_metrics.judging.gate import Verdict, verdict
from components.tradeoff_metrics.settings import GateSettings
from models.formats.file_digest import JUDGED, folder_digest


class DisagreementError(RuntimeError):
    """The Evaluator's blessing and the gate's verdict are not the same."""


class Executor(base_executor.BaseExecutor):
    """Executor of Gate."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Judges, and writes verdict and blessing.

        Args:
            input_dict: ``evaluation`` and ``evaluator_blessing``.
            output_dict: ``verdict`` gets ``verdict.json``, and ``blessing`` the file that TFX's blessings have.
            exec_properties: ``gate``, ``tasks`` and ``groups``, as JSON.

        Raises:
            ValueError: The Evaluator's blessing does not say which files were judged.
            RuntimeError: TFMA's validation and the gate disagree.
            DisagreementError: The Evaluator's blessing and the gate disagree.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        evaluation = artifact_utils.get_single_uri(input_dict["evaluation"])
        evaluators = artifact_utils.get_single_instance(input_dict["evaluator_blessing"])
        model = evaluators.get_string_custom_property(JUDGED)
        if not model:
            raise ValueError("Gate: expected a blessing that says which files were judged; nothing was pushed")
        settings = GateSettings.model_validate_json(exec_properties["gate"])
        tasks, groups = json.loads(exec_properties["tasks"]), json.loads(exec_properties["groups"])
        judged = verdict(evaluation, settings, tasks, groups)
        _check_blessing(evaluators, judged)
        for reason in judged.reasons:
            logging.info("Gate: %s", reason)
        record = to_record(judged, model=model, evaluation=folder_digest(evaluation))
        told = artifact_utils.get_single_instance(output_dict["verdict"])
        told.set_string_custom_property(VERDICT_DIGEST, record.save(told.uri))
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        name = constants.BLESSED_FILE_NAME if judged.blessed else constants.NOT_BLESSED_FILE_NAME
        io_utils.write_string_file(os.path.join(blessing.uri, name), "")
        for artifact in (told, blessing):
            artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, int(judged.blessed))
            artifact.set_string_custom_property(JUDGED, model)


def _check_blessing(blessing: types.Artifact, judged: Verdict) -> None:
    """Holds the verdict against the blessing's file and against its property, of which either may have been edited."""
    marked = tf.io.gfile.exists(os.path.join(blessing.uri, constants.BLESSED_FILE_NAME))
    recorded = model_utils.is_model_blessed(blessing)
    if not marked == recorded == judged.blessed:
        raise DisagreementError(
            f"{blessing.uri}: the Evaluator's blessing and the gate disagree; nothing was pushed. Its file says "
            f"{_word(marked)}, its record {_word(recorded)}, the gate {_word(judged.blessed)}: "
            f"{'; '.join(judged.reasons) or 'all bounds hold'}. Delete the folder, and run again to judge anew"
        )


def _word(blessed: bool) -> str:
    return "passed" if blessed else "refused"
