"""Empty objects that stand for folders."""

from __future__ import annotations

from typing import Any

import pytest

from kubeflow import directory_markers


class Blob:
    def __init__(self, bucket: Bucket, name: str, size: int):
        self.bucket, self.name, self.size = bucket, name, size

    def delete(self) -> None:
        del self.bucket.sizes[self.name]


class Bucket:
    """As much of Google's client as is used, on a dictionary from names to sizes."""

    def __init__(self, sizes: dict[str, int]):
        self.sizes = sizes

    def list_blobs(self, bucket: str, prefix: str) -> list[Blob]:
        assert bucket == "bucket"
        return [Blob(self, name, size) for name, size in self.sizes.items() if name.startswith(prefix)]


def test_markers_go_and_files_stay() -> None:
    bucket = Bucket(
        {
            "root/model/": 0,
            "root/model/Format-Serving/": 0,
            "root/model/Format-Serving/saved_model.pb": 9,
            "root/model/empty.txt": 0,
            "root/model/odd/": 3,
            "root/model-2/": 0,
        }
    )
    assert directory_markers.remove("gs://bucket/root/model", bucket) == 2
    assert sorted(bucket.sizes) == [
        "root/model-2/",
        "root/model/Format-Serving/saved_model.pb",
        "root/model/empty.txt",
        "root/model/odd/",
    ]


@pytest.mark.parametrize("uri", ["/tmp/x", "s3://bucket/x", "minio://bucket/x"])
def test_other_stores_are_left_alone(uri: str) -> None:
    class Untouched:
        def list_blobs(self, *_: Any, **__: Any) -> None:
            raise AssertionError("nothing was to be listed")

    assert directory_markers.remove(uri, Untouched()) == 0
