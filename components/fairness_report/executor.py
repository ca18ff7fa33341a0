"""Writes the report of a run: page, summary, model card and figures."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path
from typing import Any, Optional

import tensorflow as tf
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.fairness_report import figures
from components.fairness_report.inputs import RunInputs, read_inputs
from components.fairness_report.model_card import model_card, render_model_card
from components.fairness_report.page_data import page_data
from components.fairness_report.rendering import render_page
from components.fairness_report.sections.earlier_runs import earlier_summaries, frontier_points
from components.fairness_report.settings import ReportSettings
from components.fairness_report.summary import compose, evaluation_warnings
from models.formats import strict_json

PAGE, SUMMARY = "index.html", "summary.json"


class Executor(base_executor.BaseExecutor):
    """Executor of FairnessReport."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Reads the run's artifacts and writes the report, whole or not at all.

        Args:
            input_dict: See ``FairnessReportSpec``.
            output_dict: ``report``.
            exec_properties: ``settings``, and where given ``metadata`` and ``frontier``.

        Raises:
            ValueError: The artifacts contradict each other, or the frontier cannot be read.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        settings = ReportSettings.model_validate_json(exec_properties["settings"])
        run_id = (self._context.pipeline_run_id if self._context else None) or ""
        run = read_inputs(settings, input_dict, run_id)
        for warning in evaluation_warnings(run):
            logging.warning("%s", warning)
        report = artifact_utils.get_single_instance(output_dict["report"])
        with tempfile.TemporaryDirectory(prefix="fairness-report-") as scratch:
            summary = write_report(Path(scratch), run, exec_properties.get("metadata"), exec_properties.get("frontier"))
            _publish(Path(scratch), report.uri)
        report.set_int_custom_property("blessed", int(summary["blessed"]))
        for name in ("arfg", "are"):
            if summary[name]["value"] is not None:
                report.set_float_custom_property(name, summary[name]["value"])


def write_report(
    folder: Path, run: RunInputs, metadata: Optional[str] = None, frontier: Optional[str] = None
) -> dict[str, Any]:
    """Writes all files of a report.

    Args:
        folder: An empty folder.
        run: The run.
        metadata: The local engine's metadata file; None where earlier runs cannot be known.
        frontier: Text of the frontier's table; None where there is none.

    Returns:
        The summary.
    """
    # The page and the card say what the file says, also of figures that are undefined.
    summary = strict_json.defined(compose(run))
    earlier, gone = earlier_summaries(metadata, run.settings.dataset) if metadata else (None, 0)
    points = frontier_points(frontier, str(run.settings.report.frontier)) if frontier is not None else []
    data = page_data(run, summary, earlier, gone, points)
    pictures = figures.draw(data.main, folder / "figures")
    card = model_card(run, summary, pictures)
    _write(folder / "model_card.json", strict_json.dumps(card, indent=2) + "\n")
    _write(folder / "model_card.html", render_model_card(card))
    _write(folder / SUMMARY, strict_json.dumps(summary, indent=2) + "\n")
    _write(folder / PAGE, render_page(data, summary))
    return summary


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _publish(source: Path, target: str) -> None:
    """Copies a finished report to where it belongs, its page last: a folder with a page is whole."""
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=lambda path: (path.name == PAGE, path))
    try:
        for path in files:
            destination = os.path.join(target, *path.relative_to(source).parts)
            tf.io.gfile.makedirs(os.path.dirname(destination))
            tf.io.gfile.copy(str(path), destination, overwrite=True)
    except BaseException:
        if tf.io.gfile.exists(target):
            tf.io.gfile.rmtree(target)
        raise
