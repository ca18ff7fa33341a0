"""The image's recipe: linted, and every path and command in it exists."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from kubeflow import runner
from kubeflow.invocation import LAUNCHER_FOLDERS

PROJECT = Path(__file__).resolve().parents[2]
DOCKERFILE = PROJECT / "kubeflow" / "Dockerfile"
README = PROJECT / "kubeflow" / "README.md"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """(instruction, its words) of the Dockerfile, lines joined."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M))
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in joined.splitlines() if line.strip()]


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.M)
    return dict(found)


def test_hadolint_finds_nothing() -> None:
    lint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [lint, "--failure-threshold", "style", DOCKERFILE], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    wrong = tmp_path / "Dockerfile"
    wrong.write_text("FROM debian\nRUN cd /tmp\n", encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).parent / "hadolint", wrong], capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode and "DL3006" in done.stdout


def test_what_is_copied_exists_and_is_not_ignored(instructions: list[tuple[str, str]]) -> None:
    sources = [words.split()[0] for name, words in instructions if name == "COPY" and "--from" not in words]
    assert len(sources) == 6
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line[1:] for line in ignored if line.startswith("!")]
    for source in sources:
        assert (PROJECT / source).exists(), source
        assert any(source == entry or source.startswith(entry + "/") for entry in kept), source
        assert not any(fnmatch(source, line) for line in ignored if not line.startswith("!") and line != "*"), source


def test_every_package_of_ours_is_in_the_image(instructions: list[tuple[str, str]]) -> None:
    copied = {words.split()[0] for name, words in instructions if name == "COPY"}
    listed = (PROJECT / "pyproject.toml").read_text(encoding="utf-8").split("include = [")[1].split("]")[0]
    assert {name.rstrip("*") for name in re.findall(r'"([^"]+)"', listed)} <= copied


def test_stages_that_are_copied_from_exist(instructions: list[tuple[str, str]]) -> None:
    stages = {words.split(" AS ")[1] for name, words in instructions if name == "FROM" and " AS " in words}
    used = {match for name, words in instructions for match in re.findall(r"--from=(\S+)", words) if name == "COPY"}
    assert used == stages


def test_modules_that_are_run_exist(instructions: list[tuple[str, str]]) -> None:
    run = " ".join(words for name, words in instructions if name == "RUN")
    ours = [module for module in re.findall(r"python -m (\S+)", run) if module not in ("venv", "pip")]
    assert ours == ["kubeflow.make_sample"]
    for module in [*ours, runner.ENTRY_POINT[2]]:
        assert importlib.util.find_spec(module) is not None, module


def test_python_and_beam_are_the_projects_own(instructions: list[tuple[str, str]]) -> None:
    bases = [words.split()[0] for name, words in instructions if name == "FROM"]
    beam = pins(PROJECT / "requirements.lock")["apache-beam"]
    assert f"apache/beam_python3.10_sdk:{beam}" in bases
    assert all("3.10" in base for base in bases)


def test_the_images_packages_are_the_projects_own_and_cuda() -> None:
    ours, image = pins(PROJECT / "requirements.lock"), pins(PROJECT / "kubeflow" / "requirements.lock")
    more = {name for name, version in image.items() if ours.get(name) != version}
    assert more and all(name.startswith("nvidia-") for name in more)
    missing = {"tfx", "tensorflow", "apache-beam", "kfp", "kfp-kubernetes", "pydantic"} - set(image)
    assert not missing and "pytest" not in image
    for line in (PROJECT / "kubeflow" / "requirements.lock").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==\S+( ;.*)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line), line


def test_the_user_is_no_root_and_may_write_where_the_launcher_does(instructions: list[tuple[str, str]]) -> None:
    (user,) = [words for name, words in instructions if name == "USER"]
    assert int(user) > 0
    run = " ".join(words for name, words in instructions if name == "RUN")
    assert f"--uid {user}" in run
    for folder in LAUNCHER_FOLDERS.values():
        assert re.search(rf"chmod 1777[^&]* /{folder}\b", run), folder


def test_the_environment_is_what_our_code_needs(instructions: list[tuple[str, str]]) -> None:
    (environment,) = [words for name, words in instructions if name == "ENV"]
    (folder,) = [words for name, words in instructions if name == "WORKDIR"]
    values = dict(word.split("=", 1) for word in environment.split())
    assert values["TF_USE_LEGACY_KERAS"] == "1" and values["PYTHONPATH"] == folder
    assert values["PATH"].startswith("/opt/venv/bin:")


def test_the_guides_paths_and_commands_exist() -> None:
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w[\w-]*)", text, re.M):
        assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M), target
    for module in re.findall(r"python -m (kubeflow\.\w+)", text):
        assert importlib.util.find_spec(module) is not None, module
    for path in re.findall(r"`((?:kubeflow|data_schemas|tests|benchmarks)/[\w./-]+)`", text):
        assert (PROJECT / path).exists(), path


def test_the_guides_settings_are_accepted() -> None:
    import yaml

    from pipeline.settings.kubeflow import KubeflowSettings

    blocks = [
        yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    ]
    found = [block["kubeflow"] for block in blocks if "kubeflow" in block]
    assert len(found) >= 2
    for block in found:
        KubeflowSettings.model_validate(block)
