"""A process that trains one case after another: ``python -m pipeline.experiments.worker WORK.json``.

It reads names of cases from its standard input, a line each, and answers each on its standard output by the same name once
the case's result is stored. It ends with its input, or with the process that started it.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from pipeline.running.lifeline import die_with_parent
from pipeline.running.stopping import end_by_default


def main(path: str) -> None:
    """Works through the cases of the JSON file at ``path`` that it is asked for."""
    end_by_default()
    die_with_parent()
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    # What libraries print is no answer.
    os.dup2(2, 1)
    print(f"worker {os.getpid()}", file=sys.stderr)
    work = json.loads(Path(path).read_text(encoding="utf-8"))
    from models.training.run import prepare_process

    prepare_process(1, "float32", threads=1)
    serve(work, sys.stdin, answers)


def serve(work: dict[str, Any], asked: TextIO, answers: TextIO) -> None:
    """Trains what is asked for.

    Args:
      work: ``data``, ``folder``, ``data_digest``, ``code``, and ``cases``, settings by name.
      asked: Names, a line each.
      answers: Takes the names back.
    """
    from models.config.settings import TrainerSettings
    from models.training.sweep import Sweep, SweepData
    from pipeline.experiments.cases import Case, CaseStore

    sweep = Sweep(SweepData(**work["data"]), report=lambda line: print(line, file=sys.stderr))
    store = CaseStore(Path(work["folder"]), work["data_digest"], work["code"])
    for line in asked:
        name = line.strip()
        print(f"case {name}", file=sys.stderr)
        store.save(train(sweep, Case(name, TrainerSettings.model_validate(work["cases"][name]))))
        answers.write(f"{name}\n")


def train(sweep: Any, case: Any) -> Any:
    """The case's result; an exception is its error."""
    from pipeline.experiments.cases import CaseResult

    try:
        return CaseResult(case.name, case.settings, trained=sweep.train(case.settings))
    except Exception as error:  # noqa: BLE001  whatever it is, the other cases go on
        import traceback

        traceback.print_exc()
        return CaseResult(case.name, case.settings, error=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
