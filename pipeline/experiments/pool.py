"""Trains cases on all cores, each result stored as it comes, so that a killed experiment goes on where it stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Optional

from models.training.compiled_models import step_family
from models.training.fitting import Report
from models.training.sweep import SweepData
from pipeline.experiments.cases import Case, CaseResult, CaseStore, data_digest

ROOT = Path(__file__).resolve().parents[2]


class ExperimentInProgressError(RuntimeError):
    """Another experiment works on the same folder."""


def run_cases(
    cases: Sequence[Case],
    data: SweepData,
    folder: Path,
    *,
    workers: Optional[int] = None,
    code: str,
    report: Report = print,
    until: float = math.inf,
) -> Iterator[CaseResult]:
    """Trains the cases that have no result yet.

    A case that raises or whose process dies is a result with ``error``, and the others go on. Closing the iterator ends
    the processes.

    Args:
      cases: Of different names.
      data: What to train on.
      folder: For results and logs.
      workers: Processes of one thread each; None = as many as there are cores.
      code: Hash of the code, on which results depend.
      report: Takes a line for each case: how many are done, and the time left.
      until: Time of ``time.monotonic`` after which no further training is waited for; the processes are then ended.

    Yields:
      A result for each case: first those that are stored, then, while there is time, the others as they come.

    Raises:
      ValueError: Two cases have one name.
      ExperimentInProgressError: Another process works on the folder.
    """
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"cases should have different names. `{name}` stands {names.count(name)} times")
    with exclusive(folder):
        digest = data_digest(data)
        store = CaseStore(folder / "cases", digest, code)
        waiting = []
        for case in cases:
            found = store.load(case)
            if found is None:
                waiting.append(case)
            else:
                yield found
        if not waiting or time.monotonic() > until:
            return
        work = folder / "work.json"
        work.write_text(
            json.dumps(
                {
                    "data": dataclasses.asdict(data),
                    "folder": str(folder / "cases"),
                    "data_digest": digest,
                    "code": code,
                    "cases": {case.name: case.settings.model_dump(mode="json") for case in waiting},
                }
            ),
            encoding="utf-8",
        )
        pool = _Pool(waiting, store, work, workers or len(os.sched_getaffinity(0)), len(cases), report)
        with contextlib.closing(pool.results()) as coming:
            for result in coming:
                yield result
                if time.monotonic() > until:
                    return


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the system frees it whatever ends the process.

    Raises:
      ExperimentInProgressError: Another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise ExperimentInProgressError(
                f"process {holder} works on {folder}. Wait for it or end it, or name another folder"
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Schedule:
    """Hands out cases so that those that share a compiled step go to one worker in a row.

    A worker goes on with its family; then it takes the largest that nobody has, and at last from the family with most left.

    Args:
      cases: All.
    """

    def __init__(self, cases: Sequence[Case]) -> None:
        self._families: dict[str, list[Case]] = {}
        for case in cases:
            self._families.setdefault(step_family(case.settings), []).append(case)
        self._of_worker: dict[int, str] = {}
        self._lock = threading.Lock()

    def next(self, worker: int) -> Optional[Case]:
        """The worker's next case; None where there is none."""
        with self._lock:
            family = self._of_worker.get(worker, "")
            if not self._families.get(family):
                taken = {name for other, name in self._of_worker.items() if other != worker}
                left = [name for name, cases in self._families.items() if cases]
                if not left:
                    return None
                free = [name for name in left if name not in taken] or left
                family = max(free, key=lambda name: len(self._families[name]))
                self._of_worker[worker] = family
            return self._families[family].pop(0)


class _Worker:
    """A process that answers for one case at a time.

    Args:
      work: The file that says what the cases are.
      log: Takes all that it prints.
    """

    def __init__(self, work: Path, log: Path) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
        self.log = log
        with log.open("a", encoding="utf-8") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.experiments.worker", str(work)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                text=True,
                bufsize=1,
                encoding="utf-8",
                # Ctrl-C reaches the command alone, which then ends its workers.
                start_new_session=True,
            )

    def ask(self, case: Case) -> bool:
        """Whether the case's result was stored; no if the process died."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(f"{case.name}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return False
        return self._process.stdout.readline().strip() == case.name

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self._process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        name = signal.Signals(-code).name
        return f"was killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")

    def close(self) -> None:
        """Ends the process at once."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class _Pool:
    def __init__(
        self, cases: Sequence[Case], store: CaseStore, work: Path, workers: int, total: int, report: Report
    ) -> None:
        self._cases, self._store, self._work = cases, store, work
        self._schedule = Schedule(cases)
        self._results: queue.Queue[CaseResult | BaseException] = queue.Queue()
        self._workers: dict[int, _Worker] = {}
        self._count = min(workers, len(cases))
        self._closed = False
        self._progress = Progress(len(cases), total - len(cases), self._count, report)

    def results(self) -> Generator[CaseResult, None, None]:
        """As they come."""
        threads = [threading.Thread(target=self._run, args=(index,), daemon=True) for index in range(self._count)]
        for thread in threads:
            thread.start()
        try:
            for _ in self._cases:
                result = self._results.get()
                if isinstance(result, BaseException):
                    raise result
                self._progress.add(result)
                yield result
        finally:
            self._closed = True
            for worker in list(self._workers.values()):
                worker.close()
            for thread in threads:
                thread.join()

    def _run(self, index: int) -> None:
        try:
            while not self._closed and (case := self._schedule.next(index)) is not None:
                self._results.put(self._result(index, case))
        except BaseException as error:  # noqa: BLE001  raised where the results are taken
            self._results.put(error)

    def _result(self, index: int, case: Case) -> CaseResult:
        worker = self._workers.get(index)
        if worker is None:
            worker = self._workers[index] = _Worker(self._work, self._work.parent / f"worker-{index}.log")
        if worker.ask(case):
            found = self._store.load(case)
            if found is not None:
                return dataclasses.replace(found, stored=False)
            error = "its process runs other code than this one: the sources changed since the experiment began"
        else:
            error = f"its process {worker.ending()}; see {worker.log}"
        worker.close()
        del self._workers[index]
        result = CaseResult(case.name, case.settings, error=error, died=True)
        if not self._closed:
            self._store.save(result)
        return result


class Progress:
    """A line for each case: how many are done, how many failed, and about how long the rest takes.

    Args:
      waiting: Cases to train.
      stored: Cases that were found.
      workers: That train at a time.
      report: Takes the lines.
    """

    def __init__(self, waiting: int, stored: int, workers: int, report: Report) -> None:
        self._waiting, self._stored, self._workers, self._report = waiting, stored, workers, report
        self._started, self._done, self._failed = time.monotonic(), 0, 0
        report(f"{waiting} cases to train with {workers} workers" + (f"; {stored} are done" if stored else ""))

    def add(self, result: CaseResult) -> None:
        """Counts a case and tells of it."""
        self._done += 1
        self._failed += result.error is not None
        each = (time.monotonic() - self._started) / self._done
        failed = f", {self._failed} failed" if self._failed else ""
        left = f"about {_duration(each * (self._waiting - self._done))} left"
        took = f"{result.trained.seconds:.1f} s" if result.trained is not None else f"FAILED: {result.error}"
        total = self._stored + self._waiting
        self._report(f"{self._stored + self._done}/{total}{failed}, {left}: {result.name} {took}")


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{minutes} min" if minutes > 1 else f"{seconds:.0f} s"
