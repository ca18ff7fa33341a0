"""Runs as the local engine records them: real ML Metadata files and report folders, without running anything."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from models.data.preprocessing import PreprocessingSettings
from pipeline.running.run_record import open_store
from pipeline.settings.config import RunSettings, load

ROOT = Path(__file__).resolve().parents[2]
STATES = {
    "finished": mlmd.Execution.COMPLETE,
    "cached": mlmd.Execution.CACHED,
    "failed": mlmd.Execution.FAILED,
    "running": mlmd.Execution.RUNNING,
    "canceled": mlmd.Execution.CANCELED,
}
NODES = (
    "InteractionLogGen",
    "NegativeSplitter",
    "Transform",
    "Baseline",
    "Candidate",
    "Evaluator",
    "Gate",
    "ModelPusher",
)


def sample_settings(**blocks: dict[str, Any]) -> RunSettings:
    """Settings of the shipped sample, with keys of blocks changed."""
    settings = load(ROOT / "data_schemas" / "sample" / "dataset.yaml").model_dump(mode="json")
    for block, values in blocks.items():
        settings[block] |= values
    return RunSettings.model_validate(settings)


def properties_of(settings: RunSettings, fingerprint: str, code: str) -> dict[str, dict[str, str]]:
    """The execution properties that the nodes get for these settings."""

    def custom(inner: str) -> dict[str, str]:
        return {"custom_config": json.dumps({"settings": inner, "code": code})}

    thresholds = {
        "arfg": {"upper_bound": settings.gate.arfg_max},
        "min_negatives/click": {"lower_bound": settings.gate.min_negatives},
    }
    metric = {
        "class_name": "FairnessTradeoff",
        "config": json.dumps({"confidence": settings.evaluation.confidence, "code": code}),
    }
    spec = {
        "metrics": [metric],
        "per_slice_thresholds": {
            name: {"thresholds": [{"threshold": {"value_threshold": bound}}]} for name, bound in thresholds.items()
        },
    }
    return {
        "InteractionLogGen": {
            "settings": settings.log_gen().model_dump_json(),
            "fingerprint": fingerprint,
            "code": code,
        },
        "NegativeSplitter": {"settings": settings.splitter().model_dump_json(), "code": code},
        "Transform": custom(PreprocessingSettings.of(settings.baseline()).model_dump_json()),
        "Baseline": custom(settings.baseline().model_dump_json()),
        "Candidate": custom(settings.candidate().model_dump_json()),
        "Evaluator": {"eval_config": json.dumps({"metrics_specs": [spec], "slicing_specs": [{}]})},
        "FairnessReport": {"settings": json.dumps({"run": settings.model_dump(mode="json")})},
    }


def estimate(value: float | None, half: float = 0.02) -> dict[str, Any]:
    """A value with an interval around it."""
    return {"value": value, "interval": None if value is None else [value - half, value + half], "reason": ""}


def rate(count: int, of: int, half: float = 0.02) -> dict[str, Any]:
    """A rate with its counts."""
    return estimate(count / of, half) | {"count": count, "of": of}


def summary(settings: RunSettings, *, run: str = "r", blessed: bool = True, arfg: float = 0.5) -> dict[str, Any]:
    """A summary with two tasks and two groups; the FPR of the men rises with ARFG."""

    def triple(model: float) -> dict[str, Any]:
        return {"baseline": estimate(0.2), "model": estimate(model), "ratio": estimate(model / 0.2, 0.1)}

    def group(count: int) -> dict[str, Any]:
        return {"rows": 1000, "baseline": {"fpr": rate(150, 600)}, "model": {"fpr": rate(count, 600)}}

    task = {
        "threshold": {"baseline": 0.5, "model": 0.4},
        "error": triple(0.21),
        "fpr_gap": triple(0.2 * arfg),
        "groups": {"gender": {"female": group(60), "male": group(60 + round(120 * arfg))}},
    }
    return {
        "dataset": settings.dataset,
        "run": run,
        "blessed": blessed,
        "reasons": [] if blessed else [f"ARFG is {arfg}, above the bound 0.4"],
        "pushed": None,
        "arfg": estimate(arfg, 0.1),
        "are": estimate(1.01),
        "tasks": {"click": task, "like": copy.deepcopy(task)},
        "settings": settings.model_dump(mode="json"),
    }


class RecordedRuns:
    """Writes runs under one folder, as ``FAIR_RUNS_DIR`` would have them."""

    def __init__(self, root: Path):
        self.root = root

    def add(
        self,
        run: str,
        states: dict[str, str],
        *,
        dataset: str = "mini",
        settings: RunSettings | None = None,
        report: dict[str, Any] | None = None,
        fingerprint: str = "files:1",
        code: str = "c0de",
    ) -> Path:
        """Records a run whose nodes ended in ``states``; where ``report`` is given, its folder, which is returned."""
        settings = settings or sample_settings()
        folder = self.root / dataset
        folder.mkdir(parents=True, exist_ok=True)
        properties = properties_of(settings, fingerprint, code)
        page = folder / "artifacts" / "FairnessReport" / "report" / run
        outputs = {
            "InteractionLogGen": ("examples", {}),
            "Candidate": ("model_run", {}),
            "Baseline": ("model_run", {}),
            "Evaluator": ("blessing", {"blessed": int(report["blessed"] if report else 1)}),
            "Gate": ("verdict", {"blessed": int(report["blessed"] if report else 1)}),
            "ModelPusher": ("pushed_model", {"pushed": 0}),
            # A value that is undefined is not recorded.
            "FairnessReport": (
                "report",
                {"arfg": value} if report and (value := report["arfg"]["value"]) is not None else {},
            ),
        }
        for node, state in states.items():
            key, values = outputs.get(node, ("", {}))
            uri = page if node == "FairnessReport" else folder / "artifacts" / node / key / run
            output = (key, uri, values) if key and state in ("finished", "cached") else None
            self._execution(dataset, run, node, STATES[state], properties.get(node, {}), output)
        if report is not None:
            page.mkdir(parents=True)
            (page / "index.html").write_text(f"<!doctype html><title>{run}</title>", encoding="utf-8")
            (page / "summary.json").write_text(json.dumps(report), encoding="utf-8")
        return page

    def finished(self, run: str, *, settings: RunSettings | None = None, **kwargs: Any) -> Path:
        """Records a run that finished and left a report."""
        settings = settings or sample_settings()
        figures = {key: kwargs.pop(key) for key in ("blessed", "arfg") if key in kwargs}
        states = dict.fromkeys([*NODES, "FairnessReport"], "finished")
        report = summary(settings, run=run, **figures)
        return self.add(run, states, settings=settings, report=report, **kwargs)

    def _execution(
        self,
        dataset: str,
        run: str,
        node: str,
        state: int,
        properties: dict[str, str],
        output: tuple[str, Path, dict[str, Any]] | None,
    ) -> None:
        store = open_store(self.root / dataset / "metadata.sqlite")
        contexts = [
            mlmd.Context(type_id=store.put_context_type(mlmd.ContextType(name=kind)), name=name)
            for kind, name in (("pipeline", dataset), ("pipeline_run", run), ("node", f"{dataset}.{node}"))
        ]
        kind = store.put_execution_type(mlmd.ExecutionType(name=node))
        execution = mlmd.Execution(type_id=kind, last_known_state=state)
        for name, text in properties.items():
            execution.custom_properties[name].string_value = text
        written = []
        if output is not None:
            key, uri, values = output
            artifact = mlmd.Artifact(type_id=store.put_artifact_type(mlmd.ArtifactType(name=node)), uri=str(uri))
            for name, value in values.items():
                field = "int_value" if isinstance(value, int) else "double_value"
                setattr(artifact.custom_properties[name], field, value)
            event = mlmd.Event(type=mlmd.Event.OUTPUT)
            event.path.steps.add(key=key)
            event.path.steps.add(index=0)
            written.append((artifact, event))
        store.put_execution(execution, written, contexts, reuse_context_if_already_exist=True)
