"""Imports run one way, as `docs/architecture.md` says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Package → what of ours it may import beside itself, with all below it; of `models` itself the package alone.
ALLOWED = {
    "models.formats": set(),
    "models.config": {"models.formats"},
    "models.data": {"models.config", "models.formats"},
    "models.metrics": {"models.config", "models.data", "models.formats"},
    "models.networks": {"models.config", "models.formats"},
    "models.fairness": {"models.config", "models.data", "models.formats", "models.metrics", "models.networks"},
    "models.weighting": {"models.config", "models.data", "models.metrics"},
    "models.robustness": {"models.config", "models.data", "models.networks", "models.weighting"},
    "models.training": {"models"},
    "components": {"models.config", "models.formats", "models.metrics"},
    "pipeline": {"components", "models"},
    "kubeflow": {"pipeline", "components", "models.config"},
}
# The only module under models that knows TFX.
KNOWS_TFX = {"models/training/trainer.py"}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_run_one_way(package: str) -> None:
    allowed = {package, *ALLOWED[package]}
    assert sources(package.replace(".", "/"))
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package.replace(".", "/"))
        for name in imports(path)
        if name.split(".")[0] in ("models", "components", "pipeline", "kubeflow")
        and name != "models"
        and not any(name == room or name.startswith(room + ".") for room in allowed)
    ]
    assert not wrong


def test_every_file_of_models_has_a_room() -> None:
    assert [path.name for path in (ROOT / "models").glob("*.py")] == ["__init__.py"]
    rooms = {path.parent.name for path in (ROOT / "models").glob("*/*.py")}
    assert {f"models.{room}" for room in rooms} == {package for package in ALLOWED if package.startswith("models.")}


def test_models_import_nothing_above_them() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("models")
        for name in imports(path)
        if name.split(".")[0] in ("components", "pipeline", "kubeflow")
    ]
    assert not wrong


def test_only_the_trainer_knows_tfx() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources("models")
        if any(name == "tfx" or name.startswith("tfx.") for name in imports(path))
        and str(path.relative_to(ROOT)) not in KNOWS_TFX
    ]
    assert not wrong


def test_there_is_something_to_check() -> None:
    assert len(sources("models")) > 10 and len(sources("components")) > 10 and len(sources("pipeline")) > 5
