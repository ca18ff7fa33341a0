"""Imports run one way, as the README's architecture section says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Package → what of ours it may import, with all below it; of `models` itself the package alone, but for `pipeline`.
ALLOWED = {
    "models.fairness": {"models.fairness", "models.settings", "models.features"},
    "models.weighting": {"models.weighting", "models.settings_base"},
    "models.networks": {
        "models.networks",
        "models.settings",
        "models.settings_base",
        "models.features",
        "models.names",
    },
    "models.robustness": {
        "models.robustness",
        "models.networks",
        "models.settings",
        "models.settings_base",
        "models.listing",
        "models.features",
    },
    "components": {
        "components",
        "models.settings",
        "models.features",
        "models.decision",
        "models.cuts",
        "models.texts",
        "models.listing",
        "models.strict_json",
        "models.file_digest",
        "models.score_bins",
        "models",
    },
    "pipeline": {"pipeline", "components", "models"},
    "kubeflow": {"kubeflow", "pipeline", "components", "models.settings"},
}
# The only module under models that knows TFX.
KNOWS_TFX = {"models/trainer.py"}


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


@pytest.mark.parametrize(
    "package",
    [
        "models/fairness",
        "models/weighting",
        "models/networks",
        "models/robustness",
        "components",
        "pipeline",
        "kubeflow",
    ],
)
def test_imports_run_one_way(package: str) -> None:
    rule = ALLOWED[package.replace("/", ".")]
    assert sources(package)
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in imports(path)
        if name.split(".")[0] in ("models", "components", "pipeline", "kubeflow")
        and not any(name == a or (a != "models" and name.startswith(a + ".")) for a in rule)
        and not (package == "pipeline" and name.startswith("models"))
    ]
    assert not wrong


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
