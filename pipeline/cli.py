"""The project's command line: ``python -m pipeline.cli run CONFIG``.

It stays light (TFX is imported by the commands it starts), drives the real ``tfx`` command line, and shows a person what
happens: stages with their time, warnings, the verdict.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Optional

import click
from rich.console import Console

from components.interaction_log_gen.fingerprint import fingerprint
from pipeline import run_commands, sample_data, terminal
from pipeline.config import ConfigError, RunSettings, load
from pipeline.places import CONFIG_VARIABLE, EVENTS_VARIABLE, RunFolder, run_folder
from pipeline.provenance import ROOT, source_hash
from pipeline.run_commands import UNUSABLE
from pipeline.shown_process import run_shown

RUNNER = ROOT / "pipeline" / "local_runner.py"
# Exit codes, beside UNUSABLE (2): 1 the run failed, 3 the model was refused and REQUIRE_BLESSING=1.
FAILED, REFUSED = 1, 3


@click.group()
def cli() -> None:
    """Trains multi-task recommenders that treat user groups fairly, and proves it before a model ships."""


for _command in (run_commands.runs, run_commands.compare, run_commands.serve_review):
    cli.add_command(_command)


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("data_schemas/sample/dataset.yaml"))
def run(config: Path) -> None:
    """Runs the pipeline of the YAML file CONFIG through the tfx command line and shows the verdict."""
    console = terminal.console()
    settings = _prepare_or_exit(config, console)
    folder = run_folder(settings)
    folder.logs.mkdir(parents=True, exist_ok=True)
    log = folder.logs / f"{time.strftime('%Y%m%d-%H%M%S')}.log"
    console.print(f"run of [bold]{settings.dataset}[/] · settings {config} · log {_short(log)}")
    start = time.time()
    failed = _drive(config, settings, folder, log, console)
    if failed is not None:
        console.print(f"\n[bold red]the run failed[/] after {time.time() - start:.0f} s: {terminal.escape(failed)}")
        console.print(f"nothing was pushed; TFX's whole log: {_short(log)}")
        sys.exit(FAILED)
    summary = json.loads(folder.summary.read_text())
    terminal.show(summary, console)
    console.print(f"took {time.time() - start:.0f} s")
    if not summary["blessed"] and os.environ.get("REQUIRE_BLESSING") == "1":
        sys.exit(REFUSED)


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("data_schemas/sample/dataset.yaml"))
@click.option("--workers", type=click.IntRange(1), help="processes that train; default: one for each core")
def frontier(config: Path, workers: Optional[int]) -> None:
    """Trains the settings of CONFIG's `frontier` block and shows the best trade-offs of fairness and error."""
    console = terminal.console()
    settings = _prepare_or_exit(config, console)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    from pipeline.frontier.command import run  # imports TensorFlow: 5 s

    sys.exit(run(settings, config, workers, console))


@cli.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="replace the schema that stands there")
def schema(config: Path, force: bool) -> None:
    """Drafts the TFDV schema of the YAML file CONFIG beside it, for you to read and tighten."""
    console = terminal.console()
    settings = _prepare_or_exit(config, console)
    target = Path(settings.data_schema)
    if target.exists() and not force:
        console.print(f"{_short(target)} is there already; --force replaces it")
        sys.exit(UNUSABLE)
    from google.protobuf import text_format

    from pipeline.draft_schema import draft  # imports TFX: 15 s

    target.write_text(text_format.MessageToString(draft(settings)))
    console.print(f"wrote {_short(target)}: read it, and tighten what you know better")


def _prepare_or_exit(config: Path, console: Console) -> RunSettings:
    try:
        return prepare(config, console)
    except (ConfigError, ValueError, OSError) as error:
        console.print(f"[bold red]cannot run:[/] {terminal.escape(str(error))}")
        sys.exit(UNUSABLE)


def prepare(config: Path, console: Console) -> RunSettings:
    """Reads and checks the settings, makes the sample where it is missing, sees that every file of the log is there."""
    settings = load(config)
    run_folder(settings)
    if settings.sample is not None and sample_data.ensure(Path(settings.log.root), settings.sample):
        console.print(f"made the sample log: {settings.sample.rows:,} impressions in {_short(Path(settings.log.root))}")
    fingerprint(settings.log)
    return settings


def _drive(config: Path, settings: RunSettings, folder: RunFolder, log: Path, console: Console) -> Optional[str]:
    """Calls ``tfx``: creates or updates the pipeline where needed, then runs it. Returns what failed, or None."""
    stamp = folder.tfx_home / "runner.hash"
    registered = (folder.tfx_home / settings.dataset / "pipeline_args.json").exists()
    code = source_hash("pipeline.local_runner")
    if not registered or not stamp.exists() or stamp.read_text() != code:
        verb = "update" if registered else "create"
        with console.status(f"tfx pipeline {verb}"):
            failed = _tfx(
                ["pipeline", verb, "--engine=local", f"--pipeline_path={RUNNER}"], config, folder, log, console
            )
        if failed is not None:
            return failed
        stamp.write_text(code)
    return _tfx(
        ["run", "create", "--engine=local", f"--pipeline_name={settings.dataset}"], config, folder, log, console
    )


def _tfx(arguments: list[str], config: Path, folder: RunFolder, log: Path, console: Console) -> Optional[str]:
    events = log.with_suffix(".events.jsonl")
    binaries = Path(sys.executable).parent
    environment = dict(
        os.environ,
        LOCAL_HOME=str(folder.tfx_home),
        PYTHONPATH=str(ROOT),
        PATH=os.pathsep.join([str(binaries), os.environ.get("PATH", "")]),
        TF_CPP_MIN_LOG_LEVEL="2",
        PYTHONWARNINGS="ignore",
        **{CONFIG_VARIABLE: str(config.resolve()), EVENTS_VARIABLE: str(events)},
    )
    folder.tfx_home.mkdir(parents=True, exist_ok=True)
    start = time.time()
    failed = run_shown([str(binaries / "tfx"), *arguments], environment, events, log, console)
    if failed is None:
        console.print(f"[dim]tfx {' '.join(arguments[:2])}: {time.time() - start:.0f} s[/]")
        return None
    return f"`tfx {' '.join(arguments)}` {failed}" if failed.startswith("ended with ") else failed


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    cli()
