"""Measurements in processes of their own."""

from __future__ import annotations

import multiprocessing
from typing import Any

from benchmarks.cost.entries import Entry


def measure(entry: Entry, repeats: int, steps: int) -> dict[str, Any]:
    """``steps.measure`` in a process of its own.

    Its server has imported TensorFlow and computed nothing yet: the process starts at once, and its memory is its own.

    Raises:
      RuntimeError: The process ended without a result.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.cost.steps", __name__])
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(send, entry, repeats, steps))
    process.start()
    send.close()
    try:
        found = receive.recv()
    except EOFError:
        found = None
    process.join()
    if not isinstance(found, dict):
        raise RuntimeError(f"{entry.key}: {found or f'its process ended with exit code {process.exitcode}'}")
    return found


def _child(send: Any, entry: Entry, repeats: int, steps: int) -> None:
    from benchmarks.cost import steps as measured

    try:
        send.send(measured.measure(entry, repeats, steps))
    except Exception as error:  # noqa: BLE001  told where the result is awaited
        send.send(f"{type(error).__name__}: {error}")
