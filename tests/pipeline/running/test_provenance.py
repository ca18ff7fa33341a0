"""The source hash: which files it covers and what changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.running.provenance import modules_of, source_hash


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "requirements.lock": "numpy==1\n",
        "models/__init__.py": "",
        "models/a.py": "from models import b\nimport numpy\n",
        "models/b.py": "from .c import thing\n",
        "models/c.py": "thing = 1\n",
        "models/unused.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_covers_what_is_imported_and_nothing_else(project: Path) -> None:
    assert set(modules_of("models.a", project)) == {"models", "models.a", "models.b", "models.c"}


def test_a_package_that_imports_whatever_lies_in_it_is_covered_whole(project: Path) -> None:
    (project / "models/all").mkdir()
    (project / "models/all/one.py").write_text("from models import c\n", encoding="utf-8")
    listing = "import pkgutil\nNAMES = [module.name for module in pkgutil.iter_modules(__path__)]\n"
    (project / "models/all/__init__.py").write_text(listing, encoding="utf-8")
    found = modules_of("models.all", project)
    assert set(found) == {"models", "models.all", "models.all.one", "models.c"}


@pytest.mark.parametrize("name", ["models/a.py", "models/c.py", "models/__init__.py", "requirements.lock"])
def test_changes_with_each_source_and_the_lock(project: Path, name: str) -> None:
    before = source_hash("models.a", root=project)
    source_hash.cache_clear()
    (project / name).write_text((project / name).read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert source_hash("models.a", root=project) != before


def test_does_not_change_with_other_files(project: Path) -> None:
    before = source_hash("models.a", root=project)
    source_hash.cache_clear()
    (project / "models/unused.py").write_text("x = 1\n", encoding="utf-8")
    assert source_hash("models.a", root=project) == before


def test_unknown_module_is_an_error(project: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="models.nowhere"):
        source_hash("models.nowhere", root=project)


@pytest.mark.parametrize(
    ("component", "part"),
    [
        ("models.training.trainer", "models.fairness.mtaf"),
        ("models.training.trainer", "models.networks.mmoe"),
        ("components.negative_splitter.executor", "components.negative_splitter.negatives"),
        ("components.interaction_log_gen.executor", "components.interaction_log_gen.values.conversion"),
        ("components.tradeoff_metrics.metrics", "components.tradeoff_metrics.figures.statistics"),
        ("components.tradeoff_metrics.metrics", "components.tradeoff_metrics.families.worst"),
    ],
)
def test_real_components_cover_the_part_that_matters(component: str, part: str) -> None:
    assert part in modules_of(component)
