"""Pipelines that are too large."""

from __future__ import annotations

from typing import Any

import pytest

from kubeflow import limits


def spec(**parameters: str) -> dict[str, Any]:
    values = {key: {"runtimeValue": {"constant": value}} for key, value in parameters.items()}
    return {"root": {"dag": {"tasks": {"Transform": {"inputs": {"parameters": values}}, "Gate": {}}}}}


def test_a_usual_pipeline_passes() -> None:
    limits.check(spec(settings="x" * 50_000, code="y"), "x" * 100_000, "kfp")


@pytest.mark.parametrize("target", ["kfp", "vertex"])
def test_parameters_longer_than_an_argument_are_refused(target: str) -> None:
    with pytest.raises(limits.SpecTooLargeError, match=r"`Transform`.*131072 bytes.*in `settings`"):
        limits.check(spec(code="y", settings="x" * 120_000), "", target)


def test_the_limit_on_arguments_is_linux_own() -> None:
    import subprocess

    longest = limits.ARGUMENT_BYTES - 1
    assert subprocess.run(["/bin/true", "x" * longest]).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/true", "x" * (longest + 1)])


def test_what_argo_cannot_hold_is_refused() -> None:
    limits.check(spec(), "x" * limits.WORKFLOW_BYTES, "kfp")
    with pytest.raises(limits.SpecTooLargeError, match="700000 bytes.*Received: 700001"):
        limits.check(spec(), "x" * (limits.WORKFLOW_BYTES + 1), "kfp")
    limits.check(spec(), "x" * (limits.WORKFLOW_BYTES + 1), "vertex")


def test_what_kubeflow_does_not_take_is_refused() -> None:
    with pytest.raises(limits.SpecTooLargeError, match=r"33554432 bytes \(32 MiB\)"):
        limits.check(spec(), "é" * (limits.UPLOAD_BYTES // 2 + 1), "kfp")
