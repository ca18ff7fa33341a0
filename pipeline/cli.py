"""The project's command line: ``python -m pipeline.cli run CONFIG``.

It stays light (TFX is imported by the commands it starts), drives the real ``tfx`` command line, and shows a person what
happens: stages with their time, warnings, the verdict.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Optional

if __name__ == "__main__":
    # Until `main` has an answer of its own, a command that is stopped while it imports ends in silence.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import click  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.text import Text  # noqa: E402

from pipeline import preflight  # noqa: E402
from pipeline.preflight.machine import give_home  # noqa: E402
from pipeline.running import stopping  # noqa: E402
from pipeline.running.failures import sentence  # noqa: E402
from pipeline.running.places import CONFIG_VARIABLE, EVENTS_VARIABLE, RunFolder, new_log, run_folder, runs_root  # noqa: E402
from pipeline.running.provenance import ROOT, source_hash  # noqa: E402
from pipeline.running.relocation import read_summary  # noqa: E402
from pipeline.running.scratch import ScratchError, scratch_folder  # noqa: E402
from pipeline.running.shown_process import run_shown  # noqa: E402
from pipeline.sample import short_videos as sample_data  # noqa: E402
from pipeline.settings import text_files  # noqa: E402
from pipeline.settings.config import ConfigError, RunSettings, load  # noqa: E402
from pipeline.showing import commands as run_commands  # noqa: E402
from pipeline.showing import terminal  # noqa: E402
from pipeline.showing.commands import UNUSABLE  # noqa: E402
from pipeline.showing.console import fail, new_console, write_any_text  # noqa: E402

Command = Literal["run", "frontier", "schema"]
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
    console = new_console()
    with stopping.resumable(
        console, "finished stages come from cache, and a training goes on from its last checkpoint"
    ):
        settings = _prepare_or_exit(config, console, "run")
        with _scratch_or_exit(console):
            _run(config, settings, console)


def _run(config: Path, settings: RunSettings, console: Console) -> None:
    folder = run_folder(settings)
    log = new_log(folder.logs)
    console.print(Text.assemble("run of ", (settings.dataset, "bold"), f" · settings {config} · log {_short(log)}"))
    start = time.time()
    failed = _drive(config, settings, folder, log, console)
    if failed is not None:
        fail(console, "\nthe run failed", f"after {time.time() - start:.0f} s: {failed}")
        console.print(f"{_pushed(settings, folder, start)}; TFX's whole log: {_short(log)}")
        sys.exit(FAILED)
    summary = read_summary(folder.summary)
    terminal.show(summary, console)
    console.print(f"took {time.time() - start:.0f} s")
    if not summary["blessed"] and os.environ.get("REQUIRE_BLESSING") == "1":
        sys.exit(REFUSED)


def _pushed(settings: RunSettings, folder: RunFolder, start: float) -> str:
    """Whether the run that failed, and began after ``start``, pushed a model before: from ModelPusher's own output."""
    from pipeline.running.run_record import pushed_since  # imports ML Metadata

    try:
        place = pushed_since(folder.metadata, settings.dataset, start)
    except Exception:  # Whatever is wrong with the metadata, it has been said; this only adds to it.
        return f"what was pushed cannot be told from {_short(folder.metadata)}: look into {_short(folder.serving)}"
    if place is None:
        return "nothing was pushed"
    return f"a model that passed the gate was pushed before that, to {_short(place)}"


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("data_schemas/sample/dataset.yaml"))
@click.option("--workers", type=click.IntRange(1), help="processes that train; default: one for each core")
def frontier(config: Path, workers: Optional[int]) -> None:
    """Trains the settings of CONFIG's `frontier` block and shows the best trade-offs of fairness and error."""
    console = new_console()
    with stopping.resumable(console, "finished trainings are kept"):
        settings = _prepare_or_exit(config, console, "frontier")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        warnings.simplefilter("ignore")
        with _scratch_or_exit(console):
            from pipeline.frontier.command import run  # imports TensorFlow: 5 s

            sys.exit(run(settings, config, workers, console))


@cli.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("data_schemas/sample/dataset.yaml"))
def schema(config: Path) -> None:
    """Drafts the TFDV schema of the YAML file CONFIG beside it, or brings the one there up to date and keeps its edits."""
    console = new_console()
    settings = _prepare_or_exit(config, console, "schema")
    with _scratch_or_exit(console):
        from pipeline.schema import command

        sys.exit(command.run(settings, config, console))


def _prepare_or_exit(config: Path, console: Console, command: Command) -> RunSettings:
    try:
        return prepare(config, console, command)
    except (ConfigError, ValueError, OSError) as error:
        fail(console, "cannot run:", str(error))
        sys.exit(UNUSABLE)


@contextmanager
def _scratch_or_exit(console: Console) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(scratch_folder())
        except ScratchError as error:
            fail(console, "cannot run:", str(error))
            sys.exit(UNUSABLE)
        yield


def prepare(config: Path, console: Console, command: Command) -> RunSettings:
    """Reads and checks the settings, makes the sample where it is missing, and refuses what is known to fail.

    Args:
      config: The YAML file.
      console: Where it is said that the sample was made.
      command: What is going to be done. Only a run needs the folder alone, and the schema is not there before it is drafted.

    Raises:
      ConfigError: All that has to be mended first.
    """
    settings = load(config)
    folder = run_folder(settings)
    give_home(folder.tfx_home / "home")
    problems = preflight.before_the_log(settings, folder)
    problems += preflight.beside_the_log(settings, config) if command != "schema" else []
    problems += preflight.of_another_run(folder) if command == "run" else []
    if settings.sample is not None:
        preflight.refuse(problems, config)
        if sample_data.ensure(Path(settings.log.root), settings.sample):
            made = f"{settings.sample.rows:,} impressions in {_short(Path(settings.log.root))}"
            console.print(f"made the sample log: {made}")
    preflight.refuse(problems + preflight.of_the_log(settings), config)
    # After the log: where a name is wrong there, it is not the schema that has to be mended.
    preflight.refuse(preflight.of_the_schema(settings, config) if command != "schema" else [], config)
    return settings


def _drive(config: Path, settings: RunSettings, folder: RunFolder, log: Path, console: Console) -> Optional[str]:
    """Calls ``tfx``: creates or updates the pipeline where needed, then runs it. Returns what failed, or None."""
    failed = _register(config, settings, folder, log, console)
    if failed is not None:
        return failed
    return _tfx(
        ["run", "create", "--engine=local", f"--pipeline_name={settings.dataset}"], config, folder, log, console
    )


def _register(config: Path, settings: RunSettings, folder: RunFolder, log: Path, console: Console) -> Optional[str]:
    """Creates or updates the pipeline where TFX does not have it as it is now. Returns what failed, or None."""
    folder.tfx_home.mkdir(parents=True, exist_ok=True)
    stamp = folder.tfx_home / "runner.hash"
    pipeline = folder.tfx_home / settings.dataset
    # With the file's place: TFX keeps it, and the project may have been moved.
    code = f"{source_hash('pipeline.local_runner')} {RUNNER}"
    # TFX writes in place: a second command would read what the first one has half written.
    with (folder.tfx_home / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_registered(pipeline) and stamp.exists() and stamp.read_bytes() == code.encode():
            return None
        # By the folder: a kill may have left it without a file that can be read, and TFX creates no pipeline over it.
        verb = "update" if pipeline.exists() else "create"
        with console.status(f"tfx pipeline {verb}"):
            failed = _tfx(
                ["pipeline", verb, "--engine=local", f"--pipeline_path={RUNNER}"], config, folder, log, console
            )
        if failed is None:
            stamp.write_text(code, encoding="utf-8")
        return failed


def _is_registered(pipeline: Path) -> bool:
    """Whether TFX has the pipeline, and wrote down to the end where its file is."""
    try:
        return bool(json.loads((pipeline / "pipeline_args.json").read_bytes())["pipeline_dsl_path"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _tfx(arguments: list[str], config: Path, folder: RunFolder, log: Path, console: Console) -> Optional[str]:
    events = log.with_suffix(".events.jsonl")
    binaries = Path(sys.executable).parent
    environment = dict(
        os.environ,
        LOCAL_HOME=str(folder.tfx_home),
        PYTHONPATH=str(ROOT),
        PATH=os.pathsep.join([str(binaries), os.environ.get("PATH", "")]),
        PYTHONUTF8="1",
        TF_CPP_MIN_LOG_LEVEL="2",
        PYTHONWARNINGS="ignore",
        **{CONFIG_VARIABLE: str(config.resolve()), EVENTS_VARIABLE: str(events)},
    )
    start = time.time()
    failed = run_shown([str(binaries / "tfx"), *arguments], environment, events, log, console)
    if failed is None:
        console.print(f"tfx {' '.join(arguments[:2])}: {time.time() - start:.0f} s", style="dim")
        return None
    return f"`tfx {' '.join(arguments)}` {failed}" if failed.startswith("ended with ") else failed


def _short(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def main() -> None:
    """Runs the command line in Python's UTF-8 mode: what files are called and what is printed is no affair of the locale."""
    if not text_files.in_utf8_mode():
        text_files.restart_in_utf8_mode()
    write_any_text()
    stopping.raise_on_signals()
    try:
        cli()
    except stopping.Stopped as stopped:
        sys.exit(stopped.exit_code)
    except Exception as error:
        fail(new_console(), "the command failed:", f"{sentence(error)}\n{_traceback_kept()}")
        sys.exit(FAILED)


def _traceback_kept() -> str:
    """Writes the traceback of the error at hand to a log, and says where; it stands in the sentence where that cannot be."""
    try:
        log = new_log(runs_root() / "errors", "command")
        log.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"its traceback could not be written ({error}):\n{traceback.format_exc(limit=-2)}"
    return f"where it was raised: {_short(log)}"


if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        if end.code == UNUSABLE:
            # A refusal comes within a second, and Arrow's threads that read the log may not have ended: with them at work
            # an ordinary exit was seen to abort now and then, with another exit code.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(UNUSABLE)
        raise
