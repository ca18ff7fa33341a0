"""No order of cached, killed, refused and edited runs pushes a model that was not blessed.

Two models are judged, a good one and a bad one. A run goes as on the local engine: Gate and ModelPusher are served from
cache where they ended well before, and a model that a cached pusher pushed is made the newest again.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tfx.types import standard_artifacts

from components.gate.verdict_record import VERDICT_DIGEST, VerdictError
from components.model_pusher.executor import Executor as Pusher
from components.model_pusher.push import ChangedModelError, versions
from models.formats.file_digest import folder_digest
from pipeline.running.places import RunFolder
from pipeline.running.run_record import Node, Output, RunRecord, ensure_newest
from tests.components.gate.fabricated import evaluators_blessing, folder_artifact, model, run_gate, write_evaluations


class World:
    """The folder of a data set, with what is recorded of the nodes that ended well."""

    def __init__(self, root: Path, evaluations: dict[str, Path]):
        self.root, self.numbers = root, itertools.count()
        self.folder = RunFolder(*(root / name for name in RunFolder._fields))
        self.models = {name: model(root / "model" / name, name) for name in ("good", "bad")}
        self.good = folder_digest(root / "model" / "good" / "Format-Serving")
        self.evaluations = {name: root / "evaluation" / name for name in evaluations}
        for name, place in evaluations.items():
            shutil.copytree(place, self.evaluations[name])
        self.evaluators = {
            name: evaluators_blessing(root / "evaluator" / name, found, name == "good")
            for name, found in self.models.items()
        }
        self.gates: dict[str, tuple[Any, Any]] = {}
        self.pushed: dict[str, Any] = {}

    def place(self) -> Path:
        """A folder for the next execution's outputs."""
        return self.root / "artifacts" / str(next(self.numbers))

    def run(self, name: str) -> None:
        if name not in self.gates:
            self.gates[name] = run_gate(self.place(), self.evaluations[name], self.evaluators[name])
        if name not in self.pushed:
            verdict, blessing = self.gates[name]
            inputs = {"model": [self.models[name]], "model_blessing": [blessing], "verdict": [verdict]}
            pushed = folder_artifact(standard_artifacts.PushedModel, self.place())
            Pusher().Do(inputs, {"pushed_model": [pushed]}, {"directory": str(self.folder.serving)})
            self.pushed[name] = pushed
        ensure_newest(self.record(name), self.folder)

    def record(self, name: str) -> RunRecord:
        verdict, blessing = self.gates[name]
        outputs = {
            "Candidate": {"model": self.models[name]},
            "Gate": {"verdict": verdict, "blessing": blessing},
            "ModelPusher": {"pushed_model": self.pushed[name]},
        }
        return RunRecord("r", {node: Node(node, "cached", 0.0, _outputs(found)) for node, found in outputs.items()})

    def run_with_edited_code(self, name: str) -> None:
        self.gates.pop(name, None)
        self.pushed.pop(name, None)
        self.run(name)

    def push_again(self, name: str) -> None:
        self.pushed.pop(name, None)
        self.run(name)

    def kill_gate(self, name: str) -> None:
        """What was written stays and is recorded nowhere; the next run judges anew."""
        self.gates.pop(name, None)
        self.pushed.pop(name, None)
        (self.place() / "blessing").mkdir(parents=True)

    def kill_push(self, name: str) -> None:
        self.pushed.pop(name, None)
        left = self.folder.serving / f".pushing-{next(self.numbers)}"
        shutil.copytree(Path(self.models[name].uri, "Format-Serving"), left)

    def empty_serving(self, name: str) -> None:
        shutil.rmtree(self.folder.serving, ignore_errors=True)

    def edit_model(self, name: str) -> None:
        Path(self.models[name].uri, "Format-Serving", "saved_model.pb").write_text("edited", encoding="utf-8")

    def edit_evaluation(self, name: str) -> None:
        """The figures become the other model's; TFMA's validation stays."""
        other = self.evaluations["bad" if name == "good" else "good"]
        shutil.copy(next(other.glob("metrics-*")), self.evaluations[name])

    def remove_evaluators_blessing(self, name: str) -> None:
        Path(self.evaluators[name].uri, "BLESSED").unlink(missing_ok=True)

    def forge_evaluators_blessing(self, name: str) -> None:
        Path(self.evaluators[name].uri, "BLESSED").touch()

    def remove_blessing(self, name: str) -> None:
        if name in self.gates:
            shutil.rmtree(self.gates[name][1].uri, ignore_errors=True)

    def forge_blessing(self, name: str) -> None:
        if name in self.gates:
            folder = Path(self.gates[name][1].uri)
            folder.mkdir(exist_ok=True)
            (folder / "BLESSED").touch()

    def edit_verdict(self, name: str) -> None:
        path = Path(self.gates[name][0].uri, "verdict.json") if name in self.gates else None
        if path is not None and path.exists():
            content = json.loads(path.read_text(encoding="utf-8"))
            content |= {"blessed": True, "reasons": [], "model": self.good, "bounds": []}
            path.write_text(json.dumps(content), encoding="utf-8")

    def remove_verdict(self, name: str) -> None:
        if name in self.gates:
            shutil.rmtree(self.gates[name][0].uri, ignore_errors=True)

    def swap_verdict(self, name: str) -> None:
        """The verdict on the other model, whole and untouched."""
        self._swap(name, lambda own, other: (other[0], own[1]))

    def swap_both(self, name: str) -> None:
        self._swap(name, lambda own, other: other)

    def _swap(self, name: str, choose: Callable[[Any, Any], tuple[Any, Any]]) -> None:
        other = "bad" if name == "good" else "good"
        if name in self.gates and other in self.gates:
            self.gates[name] = choose(self.gates[name], self.gates[other])
            self.pushed.pop(name, None)

    def served(self) -> list[str]:
        return [folder_digest(self.folder.serving / str(version)) for version in versions(self.folder.serving)]


RUNS = ("run", "run_with_edited_code", "push_again", "kill_gate", "kill_push", "empty_serving")
EDITS = (
    "edit_model", "edit_evaluation", "remove_evaluators_blessing", "forge_evaluators_blessing", "remove_blessing",
    "forge_blessing", "edit_verdict", "remove_verdict", "swap_verdict", "swap_both",
)  # fmt: skip


def _outputs(found: dict[str, Any]) -> dict[str, Output]:
    result = {}
    for key, artifact in found.items():
        custom = artifact.mlmd_artifact.custom_properties
        properties = {name: getattr(value, value.WhichOneof("value")) for name, value in custom.items()}
        result[key] = Output(Path(artifact.uri), properties)
    return result


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_evaluations(tmp_path_factory.mktemp("evaluations"))


def test_a_blessed_model_is_pushed_and_pushed_again_and_a_refused_one_is_not(
    tmp_path: Path, evaluations: dict[str, Path]
) -> None:
    world = World(tmp_path, evaluations)
    for event, count in (("run", 1), ("run", 1), ("run_with_edited_code", 2), ("kill_gate", 2), ("run", 3)):
        getattr(world, event)("good")
        world.run("bad")
        assert world.served() == [world.good] * count
    world.empty_serving("good")
    world.run("good")
    assert world.served() == [world.good] and world.gates["good"][0].get_string_custom_property(VERDICT_DIGEST)


@pytest.mark.parametrize("how", ["push_again", "run"])
@pytest.mark.parametrize(
    "edit", ["edit_model", "remove_blessing", "edit_verdict", "remove_verdict", "swap_verdict", "swap_both"]
)
def test_what_was_edited_after_the_gate_is_not_pushed(
    tmp_path: Path, evaluations: dict[str, Path], edit: str, how: str
) -> None:
    world = World(tmp_path, evaluations)
    world.run("good")
    world.run("bad")
    world.empty_serving("good")
    # The good model's papers for the bad one, and every other edit of the good one's.
    name = "bad" if edit == "swap_both" else "good"
    getattr(world, edit)(name)
    with pytest.raises((VerdictError, ChangedModelError), match="Delete|delete"):
        getattr(world, how)(name)
    assert world.served() == []


@pytest.mark.parametrize("edit", ["edit_evaluation", "forge_evaluators_blessing", "remove_evaluators_blessing"])
def test_what_was_edited_before_the_gate_stops_there(tmp_path: Path, evaluations: dict[str, Path], edit: str) -> None:
    world, name = World(tmp_path, evaluations), "good" if edit.startswith("remove") else "bad"
    getattr(world, edit)(name)
    with pytest.raises(RuntimeError, match="disagree"):
        world.run(name)
    assert world.served() == [] and name not in world.gates


EVENT = st.tuples(st.sampled_from((*RUNS, *RUNS, *EDITS)), st.sampled_from(["good", "bad", "bad"]))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(EVENT, min_size=2, max_size=10))
def test_no_order_of_events_pushes_a_model_that_was_not_blessed(
    tmp_path_factory: pytest.TempPathFactory, evaluations: dict[str, Path], events: list[tuple[str, str]]
) -> None:
    world = World(tmp_path_factory.mktemp("world"), evaluations)
    for event, name in [*events, ("run", "bad"), ("push_again", "bad"), ("run", "good")]:
        before = world.served()
        try:
            getattr(world, event)(name)
        except (ValueError, RuntimeError) as error:
            # Refused in our words, and with nothing pushed.
            assert any(word in str(error) for word in ("disagree", "verdict", "judged")), error
            assert world.served() == before
        assert set(world.served()) <= {world.good}, (event, name)
    shutil.rmtree(world.root)
