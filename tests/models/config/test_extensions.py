"""A loss of a user's own, from its module through the settings to a training step and the whole command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf

from models.config import extensions
from models.config.choices import LOSS_NAMES
from models.config.networks import NETWORK_SETTINGS
from models.config.settings import FairnessSettings, TrainerSettings
from models.fairness.registry import FAIRNESS_LOSSES, build_fairness_loss, register_fairness_loss
from models.networks.registry import NETWORKS
from pipeline.settings.config import ConfigError, load
from tests.campaign.small_log import ROOT, SmallLog

NAME = "own_score_gap"
SOURCE = '''
"""The gap between the mean scores of two groups."""

import tensorflow as tf

from models.fairness.base import FairnessLoss, normalized
from models.fairness.registry import register_fairness_loss


class ScoreGap(FairnessLoss):
    def contrasts(self, scores, first, second):
        return tf.abs(tf.reduce_sum((normalized(first) - normalized(second)) * scores, axis=1))


register_fairness_loss("own_score_gap", lambda settings, n_groups, threshold: ScoreGap(n_groups, settings.reduction))
'''


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SmallLog]:
    """A run whose YAML file names the loss, with the module beside it."""
    found = SmallLog(tmp_path / "log", number=400)
    (found.folder / "own_losses.py").write_text(SOURCE, encoding="utf-8")
    found.content |= {"extensions": ["own_losses"], "fairness": {"mode": "vanilla", "loss": NAME}}
    found.write()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", "")
        patch.setattr(sys, "path", list(sys.path))
        yield found
    sys.modules.pop("own_losses", None)
    FAIRNESS_LOSSES.pop(NAME, None)
    if NAME in LOSS_NAMES:
        LOSS_NAMES.remove(NAME)


def test_a_loss_of_a_users_own_is_read_built_and_hashed(log: SmallLog) -> None:
    settings = load(log.config).candidate()
    assert settings.fairness.loss == NAME and settings.extensions == ("own_losses",)
    loss = build_fairness_loss(settings.fairness, 2, None)
    scores, group = tf.constant([0.9, 0.7, 0.2]), tf.constant([0, 0, 1])
    assert float(loss(scores, group, tf.constant([True, True, True]))) == pytest.approx(0.6)
    before = extensions.extensions_hash(["own_losses"])
    (log.folder / "own_losses.py").write_text(SOURCE + "\n", encoding="utf-8")
    assert before and extensions.extensions_hash(["own_losses"]) != before
    assert extensions.extensions_hash([]) == ""


NETWORK = """
from typing import Literal

from pydantic import Field

from models.config.networks import NetworkSettings
from models.networks.registry import register_network
from models.networks.shared_bottom import SharedBottom


class OwnSettings(NetworkSettings):
    network: Literal["own_bottom"] = Field(description="name of the network")
    depth: int = Field(3, ge=1, description="how deep it is")


class OwnBottom(SharedBottom):
    settings_class = OwnSettings


register_network("own_bottom", OwnBottom)
"""


def test_a_network_of_a_users_own_has_keys_of_its_own(log: SmallLog) -> None:
    (log.folder / "own_networks.py").write_text(NETWORK, encoding="utf-8")
    log.content |= {"extensions": ["own_losses", "own_networks"], "model": {"network": "own_bottom", "depth": 5}}
    log.write()
    try:
        settings = load(log.config).candidate()
        assert settings.model.model_dump(include={"network", "depth"}) == {"network": "own_bottom", "depth": 5}
        again = TrainerSettings.model_validate_json(settings.model_dump_json())
        assert again.model == settings.model and type(again.model).__name__ == "OwnSettings"
        log.put("model.experts", 2)
        log.write()
        with pytest.raises(ConfigError, match="model.experts: `network: own_bottom` does not take this key"):
            load(log.config)
    finally:
        sys.modules.pop("own_networks", None)
        NETWORK_SETTINGS.pop("own_bottom", None)
        NETWORKS.pop("own_bottom", None)


def test_another_process_reads_the_settings(log: SmallLog) -> None:
    """As the process that trains does: it has the settings as JSON and Python's path from its parent."""
    text = load(log.config).candidate().model_dump_json()
    code = (
        "import sys; from models.config.settings import TrainerSettings; "
        "print(TrainerSettings.model_validate_json(sys.stdin.read()).fairness.loss)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=text, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.stdout.split()[-1:] == [NAME], done.stderr


def test_the_baseline_does_not_depend_on_extensions(log: SmallLog) -> None:
    assert load(log.config).baseline().extensions == ()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (None, "`extensions` should name modules that can be imported. Received: `own_losses` (ModuleNotFoundError"),
        ("1 / 0", "Received: `own_losses` (ZeroDivisionError: division by zero)"),
        ("def", "Received: `own_losses` (SyntaxError"),
        (
            "",
            "fairness.loss: a fairness loss should be one of `fpr_gap`, `correlation`, `mmd`. Received: 'own_score_gap'",
        ),
    ],
)
def test_what_cannot_be_imported_is_said(log: SmallLog, source: str | None, words: str) -> None:
    module = log.folder / "own_losses.py"
    module.unlink() if source is None else module.write_text(source, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(log.config)
    assert words in str(error.value)


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="there is a fairness loss `mmd` already"):
        register_fairness_loss("mmd", lambda settings, n_groups, threshold: build_fairness_loss(settings, 2, None))


def test_settings_without_extensions_know_the_three_losses() -> None:
    for name in ("fpr_gap", "correlation", "mmd"):
        assert FairnessSettings(loss=name).loss == name
    with pytest.raises(ValueError, match="one of `fpr_gap`, `correlation`, `mmd`"):
        FairnessSettings(loss="dp")
    assert TrainerSettings.model_fields["extensions"].default == ()


@pytest.mark.slow
def test_the_whole_command_trains_with_it(log: SmallLog) -> None:
    done = log.call()
    assert done.returncode == 0, done.stdout
    summary = json.loads((log.runs / "mini" / "summary.json").read_text(encoding="utf-8"))
    assert summary["settings"]["fairness"]["loss"] == NAME
