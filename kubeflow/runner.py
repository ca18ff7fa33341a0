"""Compiles the pipeline for Kubeflow Pipelines: ``make kubeflow``, or ``tfx pipeline compile --engine=vertex``.

The TFX command line starts it without arguments, so everything comes from the environment: ``FAIR_RUN_CONFIG``,
``KUBEFLOW_IMAGE``, ``KUBEFLOW_PIPELINE_ROOT``, ``KUBEFLOW_TARGET`` (``kfp``, the default, or ``vertex``) and
``KUBEFLOW_OUTPUT``, the folder of the compiled file.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

ROOT = Path(__file__).resolve().parent.parent
# Started as a script, Python looks beside this file first, where there is another `runner`.
sys.path[:] = [str(ROOT)] + [
    entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, ROOT / "kubeflow")
]

import kubeflow  # noqa: E402, F401  chooses the Keras 2 API before TFX imports TensorFlow

# isort: split
import yaml  # noqa: E402
from tfx import v1 as tfx  # noqa: E402
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner as tfx_runner  # noqa: E402

from components.interaction_log_gen.errors import LogError  # noqa: E402
from kubeflow import checks, limits, spec, target  # noqa: E402
from pipeline.pipeline import Places, create_pipeline  # noqa: E402
from pipeline.running.places import CONFIG_VARIABLE  # noqa: E402
from pipeline.sample import short_videos as sample_data  # noqa: E402
from pipeline.settings.beam import PROCESSES_FROM_BYTES, beam_args, log_bytes  # noqa: E402
from pipeline.settings.config import ConfigError, RunSettings, load  # noqa: E402

OUTPUT_VARIABLE = "KUBEFLOW_OUTPUT"
ENTRY_POINT = ("python", "-m", "kubeflow.entrypoint")
ENDINGS = {"kfp": "yaml", "vertex": "json"}


class Runner(tfx_runner.KubeflowV2DagRunner):
    """TFX's compiler, with what ``spec.py`` adds to its result."""

    def __init__(self, settings: RunSettings, binding: target.Binding, output_dir: str, output_filename: str):
        access = target.access(settings, binding.target)
        config = tfx_runner.KubeflowV2DagRunnerConfig(
            default_image=binding.image,
            default_commands=[*ENTRY_POINT, "--artifact_access", access],
            use_pipeline_spec_2_1=binding.target == "kfp",
        )
        super().__init__(config, output_dir, output_filename)
        self._settings, self._binding = settings, binding

    def run(
        self,
        pipeline: tfx.dsl.Pipeline,
        parameter_values: Optional[dict[str, Any]] = None,
        write_out: Optional[bool] = True,
    ) -> dict[str, Any]:
        """Compiles the pipeline and, unless told otherwise, writes the file.

        Returns:
          The ``PipelineJob`` as a JSON object, for either target.

        Raises:
          SpecTooLargeError: The pipeline is over one of Kubeflow's limits.
        """
        # TFX's command line reads where the file goes from the runner while this call of TFX's own `run` lasts.
        job = super().run(pipeline, parameter_values, write_out=False)
        nodes = pipeline.components
        job["pipelineSpec"] = spec.complete(job["pipelineSpec"], self._settings.kubeflow, nodes)
        text = self._text(job, nodes)
        limits.check(job["pipelineSpec"], text, self._binding.target)
        if write_out:
            path = Path(self._output_dir, self._output_filename)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return job

    def _text(self, job: dict[str, Any], nodes: list[Any]) -> str:
        if self._binding.target == "vertex":
            return json.dumps(job, indent=1, sort_keys=True) + "\n"
        # Of a PipelineJob, Kubeflow's file holds the spec alone, which names the root too.
        documents = [job["pipelineSpec"] | {"defaultPipelineRoot": self._binding.root}]
        platform = spec.platform_spec(job["pipelineSpec"], self._settings.kubeflow, nodes)
        return yaml.safe_dump_all([*documents, *([platform] if platform else [])], sort_keys=True)


def prepare(config: Path) -> RunSettings:
    """Reads the settings, and makes the sample where they ask for it: the compiler looks at the log's files."""
    settings = load(config)
    if settings.sample is not None and "://" not in settings.log.root:
        sample_data.ensure(Path(settings.log.root), settings.sample)
    return settings


def build(settings: RunSettings, places: Places) -> tfx.dsl.Pipeline:
    """The pipeline with the paths that the pods have.

    Args:
      settings: As loaded.
      places: What the cluster binds.
    """
    size = log_bytes(settings.log)
    # How many cores a pod has is not to be seen from here.
    arguments = beam_args(settings.beam, size if size < PROCESSES_FROM_BYTES else None)
    with _in_project():
        return create_pipeline(target.for_pods(settings), places, arguments)


@contextmanager
def _in_project() -> Iterator[None]:
    """Paths in the project are relative to it in the pods, and so they must be here, where the log is looked at."""
    before = os.getcwd()
    os.chdir(ROOT)
    try:
        yield
    finally:
        os.chdir(before)


def compile_pipeline(settings: RunSettings, binding: target.Binding, output: Path) -> Path:
    """Checks, compiles and writes the file.

    Args:
      settings: As loaded.
      binding: Target, image and root.
      output: The folder for the file.

    Returns:
      The file, ``<dataset>.yaml`` or ``.json``.

    Raises:
      ConfigError: The settings cannot be run there.
      SpecTooLargeError: The pipeline is over one of Kubeflow's limits.
    """
    places = target.places(settings, binding)
    built = build(settings, places)
    checks.check(settings, binding, [node.id for node in built.components])
    if settings.kubeflow.check_root and not checks.probe(binding.root):
        print(f"note: {binding.root} was not looked at: only the cluster can reach it", file=sys.stderr)
    name = f"{settings.dataset}.{ENDINGS[binding.target]}"
    runner = Runner(settings, binding, str(output), name)
    runner.run(built)
    return Path(runner._output_dir, runner._output_filename)


def main() -> None:
    """Compiles what the environment names, and says what to do with the file."""
    # TFX's command line, which replaces `run`, has one engine that works with this runner, Vertex.
    tfx_command = hasattr(tfx_runner.KubeflowV2DagRunner.run, "__wrapped__")
    config = Path(os.environ.get(CONFIG_VARIABLE) or ROOT / "data_schemas" / "sample" / "dataset.yaml")
    try:
        settings = prepare(config)
        binding = target.bind(settings, default_target="vertex" if tfx_command else "kfp")
        output = Path(os.environ.get(OUTPUT_VARIABLE) or ROOT / "runs" / settings.dataset / "kubeflow").resolve()
        path = compile_pipeline(settings, binding, output)
    except (ConfigError, LogError, limits.SpecTooLargeError) as error:
        sys.exit(f"kubeflow: {error}")
    print(f"compiled for {binding.target}: {path}")
    print(next_step(path, binding))


def next_step(path: Path, binding: target.Binding) -> str:
    """What a person does with the compiled file."""
    if binding.target == "vertex":
        return (
            "submit it in the console (Vertex AI, Pipelines, Create run, upload the file), or: .venv/bin/python -m "
            f"kubeflow.submit {path} --project=… --region=…"
        )
    return (
        "upload it in Kubeflow's UI (Pipelines, Upload pipeline), or: "
        f".venv/bin/python -m kubeflow.submit {path} --endpoint=URL"
    )


if __name__ == "__main__":
    main()
