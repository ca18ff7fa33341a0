"""`make runs` and `make compare` as a person and as a program read them."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.running.places import RUNS_VARIABLE
from pipeline.settings.known_settings import Difference
from pipeline.showing import history
from pipeline.showing.comparison import CellKey, Changes, compare
from pipeline.showing.comparison_table import name_of, show_comparison
from pipeline.showing.console import new_console
from pipeline.showing.run_table import changed, figure, show_runs
from tests.pipeline.recorded import NODES, RecordedRuns, sample_settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedRuns:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))
    return RecordedRuns(tmp_path / "runs")


@pytest.fixture
def four(recorded: RecordedRuns) -> RecordedRuns:
    """Finished, refused with another strength, failed and killed."""
    recorded.finished("2026-01-01T10:00:00.5")
    recorded.finished(
        "2026-01-02T10:00:00.5", settings=sample_settings(fairness={"strength": 1.0}), arfg=0.9, blessed=False
    )
    recorded.add("2026-01-03T10:00:00.5", {"InteractionLogGen": "cached", "NegativeSplitter": "failed"})
    recorded.add("2026-01-04T10:00:00.5", dict.fromkeys(NODES[:4], "cached") | {"Candidate": "running"})
    return recorded


def called(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def on_terminal(width: int, show: Any, *arguments: Any, **options: Any) -> str:
    out = io.StringIO()
    show(*arguments, new_console(file=out, width=width, force_terminal=True, no_color=True), **options)
    return out.getvalue()


def test_runs_are_listed_in_plain_lines(four: RecordedRuns) -> None:
    result = called("runs")
    assert result.exit_code == 0
    heads = [line for line in result.output.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in heads] == ["mini/4", "mini/3", "mini/2", "mini/1"]
    for head, text in zip(
        heads,
        ["killed at Candidate", "failed at NegativeSplitter after 0 s", "refused", "passed, not pushed"],
        strict=True,
    ):
        assert text in head
    assert "    changed  fairness.strength: 0.2 → 1.0" in result.output.splitlines()
    assert "    ARFG     0.9000 [0.8000, 1.0000]" in result.output.splitlines()
    assert "first run" in result.output
    assert "Candidate killed · from cache: InteractionLogGen, NegativeSplitter, Transform, Baseline" in result.output
    assert not any(line.endswith(" ") for line in result.output.splitlines())


def test_runs_for_programs(four: RecordedRuns) -> None:
    killed, failed, refused, first = json.loads(called("runs", "--json").output)
    assert (killed["id"], killed["state"], killed["at"], killed["seconds"]) == ("mini/4", "killed", "Candidate", None)
    assert killed["stages"]["Candidate"] == {"state": "killed", "seconds": None}
    assert not killed["settings_are_whole"] and killed["settings"]["training"]["seed"] == 1
    assert failed["blessed"] is None and failed["arfg"] is None and failed["report"] is None
    assert refused["blessed"] is False and refused["arfg"]["value"] == 0.9
    assert refused["changed"] == {
        "settings": [{"key": "fairness.strength", "a": 0.2, "b": 1.0}],
        "not_compared": [],
        "data": False,
        "code": [],
    }
    assert first["changed"] is None and first["run"] == "2026-01-01T10:00:00.5"
    assert Path(first["report"], "index.html").is_file()


def test_runs_of_one_dataset(four: RecordedRuns, tmp_path: Path) -> None:
    four.finished("2026-01-05T10:00:00.5", dataset="other")
    assert len(json.loads(called("runs", "--json").output)) == 5
    assert [run["id"] for run in json.loads(called("runs", "--json", "--dataset", "other").output)] == ["other/1"]
    content = yaml.safe_load((ROOT / "data_schemas" / "sample" / "dataset.yaml").read_text(encoding="utf-8")) | {
        "dataset": "other"
    }
    config = tmp_path / "other.yaml"
    config.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert [run["id"] for run in json.loads(called("runs", "--json", "--config", str(config)).output)] == ["other/1"]


@pytest.mark.parametrize("command", [["runs"], ["review"], ["compare", "1", "2"]])
def test_without_a_run_the_next_step_is_named(recorded: RecordedRuns, command: list[str]) -> None:
    result = called(*command)
    assert result.exit_code == 2
    assert f"no run yet under {recorded.root}; `make run` makes one" in result.output
    named = called(*command, "--dataset", "nope")
    assert named.exit_code == 2 and "no run of `nope` yet" in named.output


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["compare", "mini/1", "mini/9"], "no run is called `mini/9`; there are mini/4, mini/3, mini/2, mini/1"),
        (["compare", "mini/1", "2026-01-0"], "names 4 runs"),
        (["compare", "mini/1", "mini/3"], "run mini/3 (failed at NegativeSplitter) left no figures"),
        (["review", "mini/4"], "run mini/4 left no report: it was killed"),
        (["review", "7"], "no run is called `7`"),
        (["runs", "--config", "nowhere.yaml"], "nowhere.yaml: expected the YAML file of a run. Received: no such file"),
    ],
)
def test_what_cannot_be_shown_is_explained(four: RecordedRuns, command: list[str], message: str) -> None:
    result = called(*command)
    assert result.exit_code == 2
    assert message in result.output and "Traceback" not in result.output


def test_a_comparison_in_plain_lines(four: RecordedRuns) -> None:
    lines = called("compare", "1", "2").output.splitlines()
    assert lines[0].startswith("a  mini/1") and lines[1].startswith("b  mini/2") and lines[1].endswith("refused")
    assert "     • ARFG is 0.9, above the bound 0.4" in lines
    assert "  fairness.strength: 0.2 → 1.0" in lines
    assert "  ARFG  0.5000 [0.4000, 0.6000]  0.9000 [0.8000, 1.0000]  +0.4000  apart" in lines
    # (60 + 120 * 0.5) / 600 and (60 + 120 * 0.9) / 600.
    moved = "FPR of the model · gender male  0.2000 [0.1800, 0.2200]  0.2800 [0.2600, 0.3000]  +0.0800  apart"
    assert [line for line in lines if "gender" in line] == [f"  click · {moved}", f"  like · {moved}"]
    left = next(line for line in lines if "are not shown" in line)
    # Shown: ARFG, and per task the FPR gap, its ratio and one rate, of 26 figures.
    assert left == "19 other figures are not shown, 19 of them the very same in both runs; ALL=1 (--all) shows them"
    everything = called("compare", "1", "2", "--all").output
    assert "  ARE  1.0100 [0.9900, 1.0300]  1.0100 [0.9900, 1.0300]  +0.0000  the same figure" in everything
    assert "gender female" in everything and "are not shown" not in everything


def test_a_comparison_for_programs(four: RecordedRuns) -> None:
    found = json.loads(called("compare", "mini/1", "2026-01-02", "--json").output)
    assert (found["a"]["id"], found["b"]["id"], found["b"]["blessed"]) == ("mini/1", "mini/2", False)
    assert found["changes"]["settings"] == [{"key": "fairness.strength", "a": 0.2, "b": 1.0}]
    assert found["same_test_rows"] is True and found["only_in"] == {"a": [], "b": []}
    assert len(found["cells"]) == 26
    (arfg,) = [cell for cell in found["cells"] if cell["metric"] == "arfg"]
    assert arfg["difference"] == pytest.approx(0.4) and arfg["intervals"] == "apart"


def test_a_comparison_of_equal_runs_says_so(recorded: RecordedRuns) -> None:
    recorded.finished("a")
    recorded.finished("b")
    output = called("compare", "1", "2").output
    assert "settings, code and the log's files are the same" in output
    assert "over all rows: nothing" in output and "in groups, where the intervals lie apart: nothing" in output


def test_a_terminal_gets_a_table_and_a_narrow_one_lines(four: RecordedRuns) -> None:
    found = history.runs(four.root, ["mini"])
    wide = on_terminal(140, show_runs, found)
    assert "┏" in wide and "mini/4" in wide and "4 from cache" in wide
    narrow = on_terminal(80, show_runs, found)
    assert "┏" not in narrow and "fairness.strength: 0.2 → 1.0" in narrow
    both = compare(found[3], found[2])
    assert "┏" in on_terminal(140, show_comparison, both)
    assert "┏" not in on_terminal(80, show_comparison, both)


def test_names_of_the_data_are_no_markup(recorded: RecordedRuns) -> None:
    settings = sample_settings(model={"network": "mmoe"})
    recorded.finished("a", settings=settings)
    recorded.finished("b", settings=settings)
    page = recorded.root / "mini" / "artifacts" / "FairnessReport" / "report" / "b" / "summary.json"
    content = json.loads(page.read_text(encoding="utf-8"))
    content["tasks"]["[red]cl/ick[/]"] = content["tasks"].pop("click")
    content["reasons"] = ["[bold]why[/]"]
    page.write_text(json.dumps(content), encoding="utf-8")
    newest, oldest = history.runs(recorded.root, ["mini"])
    for width in (80, 160):
        text = on_terminal(width, show_comparison, compare(oldest, newest), everything=True)
        assert "only in b: [red]cl/ick[/] · error of the model" in text and "[bold]why[/]" in text


def test_figures_in_words() -> None:
    assert figure(None) == ""
    assert figure({"value": None, "interval": None, "reason": "no rows"}) == "undefined"
    assert figure({"value": 0.5, "interval": None, "reason": ""}) == "0.5000 (interval unbounded)"
    assert figure({"value": 0.5}) == "0.5000"
    assert figure({"value": 0.5, "interval": [0.25, 1.0]}) == "0.5000 [0.2500, 1.0000]"


def test_changes_in_words() -> None:
    assert changed(None) == ["first run"]
    assert changed(Changes([], [], False, [])) == ["nothing"]
    found = Changes([Difference("a.b", None, "x" * 50)], ["gate"], True, ["Candidate"])
    assert changed(found) == [
        f"a.b: null → {'x' * 39}…",
        "the log's files",
        "code of Candidate",
        "not known of both runs: gate",
    ]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (CellKey("arfg", "ratio"), "ARFG"),
        (CellKey("fpr_gap", "ratio", "click"), "click · FPR gap (ratio)"),
        (CellKey("worst_group_error", "baseline", "like"), "like · worst group error of the baseline"),
        (CellKey("delta_p", "model"), "Δp in percent"),
        (CellKey("error_difference", "model", "like"), "like · error minus single-task's of the model"),
        (CellKey("worst_cell_auc", "model", "like", "age"), "like · worst cell AUC of the model · age"),
        (CellKey("tpr", "model", "like", "gender x age", "m x 29"), "like · TPR of the model · gender x age m x 29"),
    ],
)
def test_cells_in_words(key: CellKey, name: str) -> None:
    assert name_of(key) == name


@pytest.mark.parametrize(
    ("target", "variables", "expected"),
    [
        ("runs", [], "pipeline.cli runs"),
        ("runs", ["CONFIG=x y.yaml", "JSON=1"], 'pipeline.cli runs --config "x y.yaml" --json'),
        ("review", [], "pipeline.cli review"),
        (
            "review",
            ["RUN=mini/2", "DATASET=mini", "PORT=9"],
            'pipeline.cli review "mini/2" --dataset "mini" --port "9"',
        ),
        ("compare", ["A=1", "B=2", "ALL=1"], 'pipeline.cli compare "1" "2" --all'),
    ],
)
def test_make_hands_its_variables_on(target: str, variables: list[str], expected: str) -> None:
    done = subprocess.run(
        ["make", "-n", target, *variables], cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert expected in [
        " ".join(line.split()).removeprefix(".venv/bin/python -m ") for line in done.stdout.splitlines()
    ]


def test_make_compare_asks_for_both_runs() -> None:
    done = subprocess.run(
        ["make", "compare", "A=1", "-o", "environment"], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode != 0 and "expected two runs: make compare A=… B=…" in done.stderr
