"""Removing the empty objects that stand for folders.

TensorFlow's Google Cloud Storage client leaves an object of zero bytes whose name ends in ``/`` for each folder that it
makes. Kubeflow's launcher downloads them as files, where the folder of the next task's input should be.
"""

from __future__ import annotations

from typing import Any, Optional


def remove(uri: str, client: Optional[Any] = None) -> int:
    """Removes the markers under ``uri`` and returns how many there were; nothing where ``uri`` is not ``gs://``.

    Args:
      uri: Of an output artifact.
      client: A ``google.cloud.storage.Client``; one with the pod's own credentials where absent.
    """
    if not uri.startswith("gs://"):
        return 0
    bucket, _, prefix = uri[len("gs://") :].partition("/")
    if client is None:
        from google.cloud import storage

        client = storage.Client()
    folder = prefix.rstrip("/") + "/"
    markers = [blob for blob in client.list_blobs(bucket, prefix=folder) if blob.name.endswith("/") and not blob.size]
    for blob in markers:
        blob.delete()
    return len(markers)
