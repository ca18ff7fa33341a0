import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import tensorflow as tf
from absl import logging
from tfx.components.trainer.executor import GenericExecutor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils, standard_artifacts

import models  # noqa: F401  before TFX
from models.training import trainer
from models.training.trainer import run_child, run_fn
from pipeline.running.provenance import modules_of

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def log(monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "info", lambda text, *values: lines.append(text % values))
    return lines


def test_lines_of_the_child_reach_the_log(log):
    run_child([sys.executable, "-c", "import sys; print('one'); print('two', file=sys.stderr); print('täsk')"])
    assert sorted(log) == ["training: one", "training: two", "training: täsk"]


def test_a_failed_child_is_told_with_its_last_line(log):
    code = "for i in range(500): print('line', i)\nraise SystemExit(7)"
    with pytest.raises(RuntimeError) as raised:
        run_child([sys.executable, "-c", code])
    assert str(raised.value) == "the training failed with exit code 7. Its last line: line 499"


def test_a_child_that_says_what_failed_is_taken_at_its_word(log, tmp_path):
    """However long its traceback is: that is in the log alone."""
    told = tmp_path / "job.json.failed"
    code = f"open({str(told)!r}, 'w').write('epoch 2: too fast'); print('Traceback\\n' * 100); raise SystemExit(1)"
    with pytest.raises(RuntimeError) as raised:
        run_child([sys.executable, "-c", code], told)
    assert str(raised.value) == "epoch 2: too fast" and log.count("training: Traceback") == 100


def test_a_killed_child_is_told(log):
    with pytest.raises(RuntimeError, match="was killed by .*SIGKILL.*memory.*Its last line: it said nothing"):
        run_child([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])


def test_the_child_finds_the_code_and_the_gpus_that_its_parent_hides(log, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    monkeypatch.setenv(trainer.GPUS_VARIABLE, "0,1")
    monkeypatch.chdir("/")
    run_child([sys.executable, "-c", "import os, models.formats.features; print(os.environ['CUDA_VISIBLE_DEVICES'])"])
    assert log == ["training: 0,1"]


def test_the_child_dies_with_its_parent(tmp_path):
    child = textwrap.dedent(
        f"""
        import os, time
        from models.training import child as train_child
        train_child._die_with_parent()
        open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
        time.sleep(120)
        """
    )
    (tmp_path / "child.py").write_text(child, encoding="utf-8")
    parent = "import sys; from models.training.trainer import run_child; run_child([sys.executable, sys.argv[1]])"
    process = subprocess.Popen([sys.executable, "-c", parent, str(tmp_path / "child.py")], cwd=ROOT)
    deadline = time.monotonic() + 200
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text(encoding="utf-8")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)
    pid = int((tmp_path / "pid").read_text(encoding="utf-8"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while (
        os.path.exists(f"/proc/{pid}")
        and "Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2]
    ):
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.1)


def test_the_hash_of_the_code_covers_what_the_child_runs():
    covered = set(modules_of("models.training.trainer"))
    assert {"models.training.run", "models.training.fitting", "models.networks.mmoe", "models.fairness.mtaf"} <= covered


def test_custom_config_without_settings_is_refused():
    with pytest.raises(ValueError, match="needs `settings`. Received: \\['code'\\]"):
        run_fn(FnArgs(custom_config={"code": "1"}))
    with pytest.raises(ValueError, match="needs `transform_graph`"):
        run_fn(FnArgs(custom_config={"code": "1", "settings": "{}"}))


def artifact(kind, path, **properties):
    path.mkdir(parents=True, exist_ok=True)
    found = kind()
    found.uri = str(path)
    for key, value in properties.items():
        setattr(found, key, value)
    return found


def component_inputs(data, folder):
    examples = artifact(standard_artifacts.Examples, folder / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "validation"])
    for split in ("train", "validation"):
        target = folder / "examples" / f"Split-{split}"
        target.mkdir()
        for path in data.folder.glob(f"{split}-*"):
            shutil.copy(path, target)
    graph = artifact(standard_artifacts.TransformGraph, folder / "graph")
    shutil.copytree(data.transform_dir, graph.uri, dirs_exist_ok=True)
    return {"examples": [examples], "transform_graph": [graph]}


def component_outputs(folder):
    return {
        "model": [artifact(standard_artifacts.Model, folder / "model")],
        "model_run": [artifact(standard_artifacts.ModelRun, folder / "run")],
    }


def properties(settings, checkpoint_root):
    config = {"settings": settings.model_dump_json(), "code": "1", "checkpoint_root": str(checkpoint_root)}
    return {
        "run_fn": "models.training.trainer.run_fn",
        "train_args": json.dumps({"splits": ["train"]}),
        "eval_args": json.dumps({"splits": ["validation"]}),
        "custom_config": json.dumps(config),
    }


def test_the_component_trains_and_exports(make_settings, data, tmp_path):
    inputs, outputs = component_inputs(data, tmp_path), component_outputs(tmp_path)
    root = tmp_path / "checkpoints"
    settings = make_settings(fairness={"mode": "mtaf"})
    # What a killed run left behind does not count.
    left = tmp_path / "model" / "Format-Serving.partial"
    left.mkdir()
    (left / "saved_model.pb").write_text("half", encoding="utf-8")
    GenericExecutor().Do(inputs, outputs, properties(settings, root))

    serving = tmp_path / "model" / "Format-Serving"
    assert sorted(path.name for path in serving.parent.iterdir()) == ["Format-Serving"]
    assert set(tf.saved_model.load(str(serving)).signatures) == {"serving_default", "serving_tensors"}
    assert (
        json.loads((serving / "assets.extra" / "decision.json").read_text(encoding="utf-8"))["rule"]["like"]
        == "base_rate"
    )
    names = [path.name for path in (tmp_path / "run").iterdir()]
    assert "training.json" in names and any(name.startswith("events.out.tfevents") for name in names)
    assert list(root.iterdir()) == []


def test_a_training_that_fails_leaves_no_model(make_settings, data, tmp_path):
    inputs, outputs = component_inputs(data, tmp_path), component_outputs(tmp_path)
    settings = make_settings(fairness={"mode": "mtaf"}, model={"network": "single_task"})
    with pytest.raises(
        RuntimeError,
        match="^`fairness.mode: mtaf` gives.*`model.network: single_task` has",
    ):
        GenericExecutor().Do(inputs, outputs, properties(settings, tmp_path / "checkpoints"))
    assert not (tmp_path / "model" / "Format-Serving").exists()
