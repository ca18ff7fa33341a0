"""What the entry point makes of Kubeflow's JSON."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubeflow import invocation

EXAMPLES = {"artifactType": {"instanceSchema": "title: tfx.Examples\ntype: object\n"}}
COUNTS = {"artifactType": {"instanceSchema": "title: fairness.NegativeCounts\ntype: object\n"}}
CLASSES = {"fairness.NegativeCounts": "components.negative_splitter.component.NegativeCounts"}
SPEC = {"artifacts": {"examples": EXAMPLES, "counts": COUNTS}}


def given(**changes: Any) -> dict[str, Any]:
    """An ExecutorInput as open-source Kubeflow hands it over."""
    untyped = {"type": {"instanceSchema": ""}}
    return {
        "inputs": {
            "parameterValues": {"code": "x"},
            "artifacts": {
                "examples": {"artifacts": [{"name": "1", "uri": "minio://b/r/examples", **untyped, **changes}]},
                "counts": {"artifacts": [{"name": "2", "uri": "minio://b/r/counts", **untyped, **changes}]},
            },
        },
        "outputs": {
            "artifacts": {"report": {"artifacts": [{"uri": "minio://b/r/report", "type": COUNTS["artifactType"]}]}},
            "outputFile": "/tmp/kfp_outputs/output_metadata.json",
        },
    }


@pytest.mark.parametrize(
    "received",
    [
        {"instanceSchema": ""},
        {},
        {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"},
        {"instanceSchema": "title: system.Artifact"},
        {"schemaTitle": "tfx.Examples"},
    ],
)
def test_inputs_get_the_types_that_are_declared(received: dict[str, Any]) -> None:
    task = invocation.typed(given(type=received), SPEC, CLASSES)
    types = {key: group["artifacts"][0]["type"] for key, group in task["inputs"]["artifacts"].items()}
    assert types == {
        "examples": {"schemaTitle": "tfx.Examples"},
        "counts": {"schemaTitle": CLASSES["fairness.NegativeCounts"]},
    }


def test_tfx_reads_the_types(tmp_path: Any) -> None:
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as utils
    from tfx.types import standard_artifacts

    from components.negative_splitter.component import NegativeCounts

    message = pipeline_spec_pb2.ExecutorInput()
    untyped = json_format.ParseDict(given(), message)
    with pytest.raises(AttributeError):
        utils.parse_raw_artifact_dict(untyped.inputs.artifacts, {})
    metadata = {"split_names": '["a"]', "span": 3.0}
    typed = invocation.typed(given(metadata=metadata), SPEC, CLASSES)
    parsed = json_format.ParseDict(typed, pipeline_spec_pb2.ExecutorInput())
    artifacts = utils.parse_raw_artifact_dict(parsed.inputs.artifacts, {})
    assert type(artifacts["examples"][0]) is standard_artifacts.Examples
    assert type(artifacts["counts"][0]) is NegativeCounts
    assert artifacts["examples"][0].split_names == '["a"]' and artifacts["examples"][0].span == 3


def test_outputs_get_importable_types_and_the_launchers_log_is_left_out() -> None:
    received = given()
    log = {"uri": "minio://b/r/executor-logs", "type": {"schemaTitle": "system.Artifact"}}
    received["outputs"]["artifacts"]["executor-logs"] = {"artifacts": [log]}
    outputs = invocation.typed(received, SPEC, CLASSES)["outputs"]["artifacts"]
    assert list(outputs) == ["report"]
    assert outputs["report"]["artifacts"][0]["type"] == {"schemaTitle": CLASSES["fairness.NegativeCounts"]}


def test_nothing_that_is_handed_in_is_changed() -> None:
    received = given()
    before = copy.deepcopy(received)
    invocation.on_local_copies(invocation.typed(received, SPEC, CLASSES))
    assert received == before


def test_an_input_that_is_not_declared_is_refused() -> None:
    with pytest.raises(invocation.InvocationError, match=r"input `counts` is not declared.*\['examples'\]"):
        invocation.typed(given(), {"artifacts": {"examples": EXAMPLES}}, CLASSES)


def test_an_output_without_type_is_refused() -> None:
    received = given()
    received["outputs"]["artifacts"]["report"]["artifacts"][0]["type"] = {"instanceSchema": ""}
    with pytest.raises(invocation.InvocationError, match="output `report` should have a type"):
        invocation.typed(received, SPEC, CLASSES)


@pytest.mark.parametrize(
    "uri, path",
    [
        ("gs://bucket/a/b", "/gcs/bucket/a/b"),
        ("minio://mlpipeline/v2/x", "/minio/mlpipeline/v2/x"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("/mnt/shared/a", "/mnt/shared/a"),
    ],
)
def test_local_paths_are_the_launchers(uri: str, path: str) -> None:
    assert invocation.local_path(uri) == path
    assert invocation.local_path(uri, "/pod") == (f"/pod{path}" if "://" in uri else path)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(invocation.InvocationError, match="hdfs://n/x"):
        invocation.local_path("hdfs://n/x")


def test_paths_become_uris_again_everywhere() -> None:
    task, uris = invocation.on_local_copies(given())
    assert invocation.output_uris(task) == ["/minio/b/r/report"]
    assert task["inputs"]["artifacts"]["examples"]["artifacts"][0]["uri"] == "/minio/b/r/examples"
    answer = {
        "artifacts": {
            "report": {
                "artifacts": [
                    {
                        "uri": "/minio/b/r/report",
                        "metadata": {
                            "model": "/minio/b/r/examples/Format-Serving",
                            "other": "/minio/b/r/examples-2",
                            "number": 1.0,
                            "nothing": None,
                        },
                    }
                ]
            }
        }
    }
    found = invocation.recordable(answer, uris)["artifacts"]["report"]["artifacts"][0]
    assert found["uri"] == "minio://b/r/report"
    assert found["metadata"] == {
        "model": "minio://b/r/examples/Format-Serving",
        "other": "/minio/b/r/examples-2",
        "number": 1.0,
    }


def test_a_custom_path_stands_above_the_rule() -> None:
    task, uris = invocation.on_local_copies(given(customPath="/elsewhere/x"))
    artifact = task["inputs"]["artifacts"]["examples"]["artifacts"][0]
    assert artifact["uri"] == "/elsewhere/x" and "customPath" not in artifact
    assert "minio://b/r/counts" in uris.values()
