"""How large a pipeline may be.

The numbers are Kubeflow's (backend 2.5, ``apiserver/common/const.go`` and ``apiserver/model/pipeline_version.go``) and
Linux's (``MAX_ARG_STRLEN``: 32 pages).
"""

from __future__ import annotations

import json
from typing import Any

UPLOAD_BYTES = 32 << 20
WORKFLOW_BYTES = 700_000
ARGUMENT_BYTES = 128 << 10
# What an executor input holds besides its parameters: URIs and properties of artifacts.
ARTIFACT_BYTES = 16 << 10


class SpecTooLargeError(ValueError):
    """A pipeline that could be compiled, and not run."""


def check(spec: dict[str, Any], text: str, target: str) -> None:
    """Refuses a pipeline that is over a limit.

    Args:
      spec: The pipeline spec.
      text: The file as it will be uploaded.
      target: ``kfp`` or ``vertex``.

    Raises:
      SpecTooLargeError: Names the limit, the node and its largest parameter.
    """
    for name, task in spec["root"]["dag"]["tasks"].items():
        sizes = {key: len(json.dumps(value)) for key, value in task.get("inputs", {}).get("parameters", {}).items()}
        if sum(sizes.values()) + ARTIFACT_BYTES > ARGUMENT_BYTES:
            largest = max(sizes, key=lambda key: sizes[key])
            raise SpecTooLargeError(
                f"the parameters of `{name}` should fit one command-line argument ({ARGUMENT_BYTES} bytes, of which "
                f"{ARTIFACT_BYTES} are kept for its artifacts). Received: {sum(sizes.values())} bytes, "
                f"{sizes[largest]} of them in `{largest}`; shorten that block of the YAML file"
            )
    if target != "kfp":
        return
    size = len(text.encode())
    if size > UPLOAD_BYTES:
        raise SpecTooLargeError(f"Kubeflow takes files of at most {UPLOAD_BYTES} bytes (32 MiB). Received: {size}")
    if size > WORKFLOW_BYTES:
        raise SpecTooLargeError(
            f"the pipeline should be at most {WORKFLOW_BYTES} bytes, which is what Argo, which runs it, can hold. "
            f"Received: {size}; name columns by fewer features, tasks or groups"
        )
