"""Files that are something else than the settings say, through the whole command: named, with what to do, in seconds."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.pipeline.preflight.conftest import HEADER, ROWS, Written
from tests.pipeline.preflight.test_command import can_map_users


def parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pyarrow.csv.read_csv(io.BytesIO(ROWS.encode())), buffer)
    return buffer.getvalue()


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("train.csv", ROWS)
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        told = tarfile.TarInfo("train.csv")
        told.size = len(ROWS)
        file.addfile(told, io.BytesIO(ROWS.encode()))
    return buffer.getvalue()


def cut_gzip() -> bytes:
    whole = gzip.compress((HEADER + "".join(f"{i * 0.37},a,1,2.5,f\n" for i in range(5_000))).encode())
    return whole[:-20]


def as_format(written: Written, kind: str) -> None:
    source = {"files": ["train.csv"], "split": "train", "read": {"format": kind}}
    written.content["log"]["sources"][0] = source


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (archive, "a ZIP archive (as .xlsx is one too); unpack it first"),
        (tar, "a tar archive; unpack it first"),
        (lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image; name the log's own file"),
        (parquet, "a Parquet file; say `read: {format: parquet}`"),
        (lambda: ROWS.encode("utf-16"), "text in utf-16; say `read: {encoding: utf-16}`"),
        (lambda: ROWS.encode("utf-16-le"), "a NUL sign within"),
        (cut_gzip, "a file that breaks off or is damaged (Compressed file ended before"),
        (lambda: b"", "expected a header after 0 skipped rows. Received: nothing"),
    ],
    ids=["zip", "tar", "png", "parquet", "utf-16", "utf-16 without a mark", "cut gzip", "empty"],
)
def test_another_file_under_the_name_of_a_csv(written: Written, content: Callable[[], bytes], received: str) -> None:
    (written.folder / "train.csv").write_bytes(content())
    written.write()
    printed = written.refused()
    assert f"log.sources[0].files[0]: {written.folder}/train.csv" in printed and received in printed


@pytest.mark.parametrize(
    ("kind", "content", "received"),
    [
        ("parquet", ROWS.encode(), "text; say `read: {format: csv}`"),
        ("parquet", b"", "an empty file; write it again"),
        ("parquet", parquet()[:-40], "a file that breaks off or is damaged"),
        ("parquet", archive(), "a ZIP archive"),
        ("tfrecord", ROWS.encode(), "text; say `read: {format: csv}`"),
        ("tfrecord", gzip.compress(bytes(range(256))), "something else; correct `read.format`, or the file"),
    ],
    # Not by their bytes, in which there is the time.
    ids=["text", "empty", "cut parquet", "zip", "text for records", "gzip for records"],
)
def test_another_file_than_the_format_says(written: Written, kind: str, content: bytes, received: str) -> None:
    (written.folder / "train.csv").write_bytes(content)
    as_format(written, kind)
    written.write()
    printed = written.refused()
    assert f"{written.folder}/train.csv: expected " in printed and received in printed
    assert len(printed.splitlines()) == 1 and len(printed) < 800


def test_records_begin_with_the_checksum_of_their_length(written: Written) -> None:
    """The first twelve bytes of a record of eight, as TensorFlow writes it."""
    first = bytes.fromhex("0800000000000000ff86240f")
    from components.interaction_log_gen.reading import looks

    looks.refuse_other_than_records(first, "log")
    looks.refuse_other_than_records(b"", "log")
    with pytest.raises(ValueError, match="expected TFRecords of tf.Example. Received: something else"):
        looks.refuse_other_than_records(first[:-1] + b"\xff", "log")


def replace(written: Written, make: Callable[[Path], object]) -> None:
    path = written.folder / "train.csv"
    path.unlink()
    make(path)
    written.write()


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (os.mkfifo, "a named pipe, which can be read only once; write the log to a file"),
        (Path.mkdir, "a folder; name its files, such as"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to(path.name), "a link that leads to no file (Too many levels of symbolic links)"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads to no file (No such file or directory)"),
        (lambda path: None, "which matches none"),
    ],
    ids=["pipe", "folder", "device", "circle", "broken link", "none"],
)
def test_what_is_no_file_is_named_and_never_waited_for(
    written: Written, make: Callable[[Path], object], received: str
) -> None:
    replace(written, make)
    assert f"{written.folder}/train.csv, {received}" in written.refused()


@pytest.mark.skipif(not can_map_users(), reason="needs user namespaces")
def test_a_file_that_may_not_be_read(written: Written) -> None:
    (written.folder / "train.csv").chmod(0)
    written.write()
    nobody = ("unshare", "--user", "--map-user=12345", "--map-group=12345")
    if subprocess.run([*nobody, "cat", str(written.folder / "train.csv")], capture_output=True).returncode == 0:
        pytest.skip("this user may read all files there too")
    printed = written.refused(inside=nobody)
    assert (
        "train.csv: expected csv. Rows read before it failed: 0. Received: a file that this user may not read"
        in printed
    )


@pytest.mark.parametrize(
    ("make", "received"),
    [
        (os.mkfifo, "Received: no file"),
        (Path.mkdir, "Received: a folder"),
        (lambda path: path.write_bytes(b"\xb2\xff"), "expected CSV in UTF-8"),
        (lambda path: path.write_text("a,b\n1,2\n", encoding="utf-8"), "expected the columns `arfg` and `are`"),
    ],
)
def test_a_frontier_that_is_none(written: Written, make: Callable[[Path], object], received: str) -> None:
    make(written.folder / "frontier.csv")
    written.content["report"] = {"frontier": "frontier.csv"}
    written.write()
    printed = written.refused()
    assert "report.frontier: " in printed and received in printed and "`make frontier` writes" in printed


@pytest.mark.parametrize(
    ("content", "received"),
    [
        (b"- a\n", "expected a mapping of settings. Received: list"),
        (b"", "expected a mapping of settings. Received: NoneType"),
        (bytes(range(128, 256)), "expected UTF-8 text. Received: the byte 0x80"),
        (b"dataset: a\0b\n", "the sign U+0000 cannot stand in YAML"),
    ],
)
def test_a_yaml_file_that_is_none(written: Written, content: bytes, received: str) -> None:
    written.write().write_bytes(content)
    assert received in written.refused()


def test_a_pipe_as_yaml_file_or_schema_is_not_waited_for(written: Written) -> None:
    os.mkfifo(written.config)
    assert f"{written.config}: " in written.refused()
    written.config.unlink()
    (written.folder / "schema.pbtxt").unlink()
    os.mkfifo(written.folder / "schema.pbtxt")
    written.write()
    assert "data_schema: expected a file at" in written.refused()


def test_a_schema_that_is_broken(written: Written) -> None:
    (written.folder / "schema.pbtxt").write_text('feature { name: "x" typ', encoding="utf-8")
    written.write()
    assert "schema.pbtxt, line 1: expected a TFDV schema" in written.refused()
