"""The Trainer's child process: ``python -m models.training.child JOB.json``.

It ends when its standard input does, so that a parent that was killed leaves no training behind.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

_ORPHANED = 3


def _die_with_parent() -> None:
    def watch() -> None:
        # Not through sys.stdin, whose lock this thread would hold when the interpreter ends.
        while os.read(0, 1):
            pass
        os._exit(_ORPHANED)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main(path: str) -> None:
    """Runs the job that the JSON file at ``path`` describes."""
    # Ends it in silence, also where its parents were started with SIGINT ignored: the Trainer says what ended it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _die_with_parent()
    # Imported here: the watch has to stand first, and TensorFlow takes seconds.
    from models.training.failure import describe_failure, failure_path
    from models.training.job import TrainingJob
    from models.training.run import prepare_process, run_job

    with open(path, encoding="utf-8") as file:
        job = TrainingJob.model_validate_json(file.read())
    try:
        prepare_process(job.settings.training.seed, job.settings.training.precision)
        run_job(job, report=lambda line: print(line, flush=True))
    except Exception as error:
        # The traceback goes to the log; what a person is told has a file of its own, whatever else is printed.
        failure_path(path).write_text(describe_failure(error), encoding="utf-8")
        raise


if __name__ == "__main__":
    main(sys.argv[1])
