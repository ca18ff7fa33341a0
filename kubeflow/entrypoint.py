"""The command of every task on Kubeflow: ``python -m kubeflow.entrypoint``.

It stands around TFX's own entry point, which it hands an invocation that TFX can read (``invocation.py`` says what is
wrong with the one that Kubeflow gives), and whose answer it makes one that Kubeflow can record. TFX itself stays as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import posixpath
import sys
from typing import Any

# As in the local runner: the Trainer's child is the only process that may see a GPU.
os.environ.setdefault(
    "TRAINING_CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(16)))
)
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from absl import flags, logging  # noqa: E402
from tfx.dsl.io import fileio  # noqa: E402
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor  # noqa: E402

from kubeflow import directory_markers, invocation  # noqa: E402

# The folder of the launcher's folders, for tests outside of a pod.
ROOT_VARIABLE = "KUBEFLOW_LAUNCHER_ROOT"


def parse(argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our options and TFX's, and what is left, which are Beam's."""
    # No abbreviations: they would swallow an argument of Beam's.
    parser = argparse.ArgumentParser(prog="kubeflow.entrypoint", description=__doc__, allow_abbrev=False)
    parser.add_argument("--artifact_access", choices=("local", "remote"), required=True)
    parser.add_argument("--artifact_classes", type=json.loads, required=True, help="title → import path, as JSON")
    parser.add_argument("--executor_class_path", required=True)
    parser.add_argument("--json_serialized_invocation_args", required=True, help="Kubeflow's ExecutorInput")
    parser.add_argument("--json_serialized_inputs_spec_args", required=True, help="the component's input definitions")
    return parser.parse_known_args(argv[1:])


def run(parsed: tuple[argparse.Namespace, list[str]]) -> None:
    """Runs one task.

    Raises:
      InvocationError: What Kubeflow handed over does not fit the component.
    """
    options, beam_args = parsed
    given = json.loads(options.json_serialized_invocation_args)
    inputs_spec = json.loads(options.json_serialized_inputs_spec_args)
    task = invocation.typed(given, inputs_spec, options.artifact_classes)
    uris: dict[str, str] = {}
    if options.artifact_access == "local":
        task, uris = invocation.on_local_copies(task, os.environ.get(ROOT_VARIABLE, "/"))
    for uri in invocation.output_uris(task):
        # In an object store a folder would be an object of its own, which the launcher takes for a file.
        if "://" not in uri:
            fileio.makedirs(uri)
    answer = given["outputs"]["outputFile"]
    # Beside the real one, since TFX works in the folder of its output file; and not the real one, which a failed attempt
    # may have left, and which TFX would take for a driver's.
    aside = posixpath.join(posixpath.dirname(answer), "tfx_executor_output.json")
    if fileio.exists(aside):
        fileio.remove(aside)
    task["outputs"]["outputFile"] = aside
    _run_tfx(options, task, beam_args)
    if options.artifact_access == "remote":
        for uri in invocation.output_uris(task):
            directory_markers.remove(uri)
    with fileio.open(aside, "r") as file:
        output = invocation.recordable(json.load(file), uris)
    fileio.remove(aside)
    with fileio.open(answer, "w") as file:
        json.dump(output, file)
    logging.info("outputs: %s", output)


def _run_tfx(options: argparse.Namespace, task: dict[str, Any], beam_args: list[str]) -> None:
    # With input definitions TFX reads `parameterValues` (open-source Kubeflow's), without them `parameters` (Vertex's).
    older = "parameters" in task.get("inputs", {})
    arguments = argparse.Namespace(
        executor_class_path=options.executor_class_path,
        json_serialized_invocation_args=json.dumps(task),
        json_serialized_inputs_spec_args=None if older else options.json_serialized_inputs_spec_args,
    )
    kubeflow_v2_run_executor.main((arguments, beam_args))


def main() -> None:
    """Runs the task of this process's command line."""
    # absl's flags take none of the arguments: some have the names of Beam's.
    flags.FLAGS(sys.argv[:1])
    logging.use_absl_handler()
    run(parse(sys.argv))


if __name__ == "__main__":
    main()
