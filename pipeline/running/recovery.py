"""Clears away what a killed run left, before the next one starts.

TFX removes a node's outputs when its executor raises. After a kill they stay, with the execution in state RUNNING; none of
it is ever read (the cache takes completed executions only), but it looks like a result and takes room.
"""

from __future__ import annotations

import shutil

from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.model_pusher.push import sweep as sweep_pushes
from pipeline.running.places import RunFolder
from pipeline.running.run_record import open_store


def sweep(folder: RunFolder) -> list[str]:
    """Cancels unfinished executions and removes their outputs; returns the names of the nodes concerned.

    To be called under the run folder's lock: an unfinished execution then belongs to nobody.
    """
    if folder.serving.is_dir():
        sweep_pushes(folder.serving)
    if not folder.metadata.exists():
        return []
    store = open_store(folder.metadata)
    unfinished = [e for e in store.get_executions() if e.last_known_state == mlmd.Execution.RUNNING]
    nodes = []
    for execution in unfinished:
        name = next(c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node").split(".", 1)[1]
        node = folder.artifacts / name
        for output in [*node.glob(f"*/{execution.id}"), *node.glob(f".system/*/{execution.id}")]:
            shutil.rmtree(output)
        shutil.rmtree(node / ".system" / "stateful_working_dir", ignore_errors=True)
        execution.last_known_state = mlmd.Execution.CANCELED
        nodes.append(name)
    if unfinished:
        store.put_executions(unfinished)
    return nodes
