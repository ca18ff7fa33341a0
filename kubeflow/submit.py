"""Starts a run of a compiled pipeline: ``python -m kubeflow.submit FILE --endpoint=URL`` (or ``--project --region``)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Optional

import click
import yaml


@click.command(help=__doc__)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--endpoint", help="Open-source Kubeflow: address of its API, such as http://localhost:8080.")
@click.option("--experiment", default="fair-recommender", show_default=True, help="Open-source Kubeflow: groups runs.")
@click.option("--namespace", help="Open-source Kubeflow with several users: the namespace of the run.")
@click.option("--project", help="Vertex: the Google Cloud project.")
@click.option("--region", help="Vertex: the region.")
@click.option("--service-account", help="The account that the pods run as.")
def main(
    file: Path,
    endpoint: Optional[str],
    experiment: str,
    namespace: Optional[str],
    project: Optional[str],
    region: Optional[str],
    service_account: Optional[str],
) -> None:
    """Starts the run and prints where to follow it."""
    vertex = file.suffix == ".json"
    missing = (
        [] if (project and region if vertex else endpoint) else ["--project and --region" if vertex else "--endpoint"]
    )
    if missing:
        raise click.UsageError(
            f"{file} is compiled for {'Vertex' if vertex else 'open-source Kubeflow'}: give {missing[0]}"
        )
    if vertex:
        click.echo(_vertex(file, str(project), str(region), service_account))
    else:
        click.echo(_kubeflow(file, str(endpoint), experiment, namespace, service_account))


def pipeline_root(file: Path) -> str:
    """The root that the file was compiled for; Kubeflow takes it from the run and not from the file."""
    first: dict[str, Any] = next(iter(yaml.safe_load_all(file.read_text(encoding="utf-8"))))
    return first["defaultPipelineRoot"]


def _kubeflow(
    file: Path, endpoint: str, experiment: str, namespace: Optional[str], service_account: Optional[str]
) -> str:
    import kfp

    run = kfp.Client(host=endpoint, namespace=namespace or "kubeflow").create_run_from_pipeline_package(
        str(file),
        experiment_name=experiment,
        namespace=namespace,
        pipeline_root=pipeline_root(file),
        service_account=service_account,
    )
    return f"started: {endpoint.rstrip('/')}/#/runs/details/{run.run_id}"


def _vertex(file: Path, project: str, region: str, service_account: Optional[str]) -> str:
    from google.cloud import aiplatform

    job = aiplatform.PipelineJob(
        display_name=json.loads(file.read_text(encoding="utf-8"))["displayName"],
        template_path=str(file),
        project=project,
        location=region,
    )
    job.submit(service_account=service_account)
    return f"started: {job.resource_name}"


if __name__ == "__main__":
    main()
