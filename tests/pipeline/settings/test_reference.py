"""The reference of the YAML file: the committed page is what the settings classes say, and every setting is described."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from components.tradeoff_metrics.settings import GateSettings
from pipeline.settings.config import RunSettings
from pipeline.settings.reference import PAGE, anchor, fields, form_value, page, sections

ROOT = Path(__file__).resolve().parents[3]
# Packages whose settings have descriptions.
DESCRIBED = ("pipeline.", "models.", "components.")
# Settings without a description, as `Class.key`.
EXCEPTIONS: tuple[str, ...] = ()


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found is not None, heading
    return found.group(1)


def row(text: str, heading: str, key: str) -> list[str]:
    """The cells of a key's row, without the key."""
    (line,) = [line for line in section(text, heading).splitlines() if line.startswith(f"| `{key}` |")]
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[2:-1]]


@pytest.fixture(scope="module")
def written() -> str:
    return PAGE.read_text(encoding="utf-8")


def test_the_committed_page_is_what_the_generator_writes(written: str) -> None:
    # A process of its own: other tests register losses and networks in this one.
    code = "import sys; from pipeline.settings.reference import page; sys.stdout.buffer.write(page().encode())"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    assert made == written, "docs/settings.md is older than the settings; write it anew with `make reference`"


def test_every_setting_has_a_description() -> None:
    lacking = [
        f"{owner.__name__}.{key}"
        for owner, key, field in fields()
        if owner.__module__.startswith(DESCRIBED) and not field.description
    ]
    assert lacking == list(EXCEPTIONS)


def test_a_description_is_a_clause_that_does_not_repeat_its_key() -> None:
    for owner, key, field in fields():
        if owner.__module__.startswith(DESCRIBED):
            text = field.description or ""
            assert text == text.strip() and not text.endswith("."), (owner, key)
            assert not text.startswith((f"`{key}`", f"{key}:")), (owner, key)


def test_every_key_of_the_file_has_a_row_in_the_order_of_the_file(written: str) -> None:
    keys = re.findall(r"^\| `(\w+)` \|", section(written, "The file"), re.M)
    assert keys == list(RunSettings.model_fields)


def test_every_block_has_a_section_and_each_of_its_forms_a_table(written: str) -> None:
    for place in sections():
        heading = f"`{place.path}`" if place.path else "The file"
        assert len(re.findall(rf"^##+ {re.escape(heading)}$", written, re.M)) == 1
        for form in place.block.forms if place.block.discriminator else ():
            value = form_value(form, place.block.discriminator)
            assert f"# `{place.block.discriminator}: {value}`\n" in written


def test_every_link_leads_to_a_heading(written: str) -> None:
    anchors = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", written, re.M)]
    links = re.findall(r"\]\(#([^)]*)\)", written)
    assert len(links) > 30
    assert all(anchors.count(link) == 1 for link in links)


def test_every_row_has_five_cells(written: str) -> None:
    for line in written.splitlines():
        if line.startswith("|"):
            assert len(re.split(r"(?<!\\)\|", line)) == 7, line


@pytest.mark.parametrize(
    ("heading", "key", "cells"),
    [
        ("The file", "extensions", ["list of texts", "`[]`", ""]),
        ("The file", "tasks", ["list of blocks [`tasks[]`](#tasks)", "required", "at least 1 entry"]),
        ("The file", "model", ["block [`model`](#model)", "`network: shared_bottom`", ""]),
        ("`sample`", "bias", ["mapping of text to number", "`{click: 0.35, long_view: 0.3, like: 0.35}`", ""]),
        ("`sample`", "conflict", ["number", "`null`", "> 0"]),
        ("`tasks[]`", "threshold", ["number or `base_rate`", "`base_rate`", ""]),
        ("`log.sources[].read`", "quote", ["text, or `null`", r'`"\""`', "1 character"]),
        ("`log.sources[].read`", "header", ["`true` or `false`", "`true`", ""]),
        ("`network: ple`", "levels", ["whole number", "`2`", "≥ 2, ≤ 100"]),
        ("`tune`", "mode", ["list of `vanilla`, `mtaf`, `mtaf_difference`", "`[]`", ""]),
        ("`frontier`", "head_ratios", ["list of numbers", "`null`", "at least 1 entry, each ≥ 0"]),
        ("`frontier.sample`", "range", ["list of 2 numbers", "`[0.01, 10]`", ""]),
        ("`kubeflow.defaults.retries`", "backoff", ["text", '`"30s"`', ""]),
        ("`beam`", "runner", ["one of `direct`, `dataflow`, `flink`, `spark`", "`direct`", ""]),
    ],
)
def test_a_row_says_type_default_and_range(written: str, heading: str, key: str, cells: list[str]) -> None:
    assert row(written, heading, key)[:3] == cells


def test_a_block_of_several_places_names_them_all(written: str) -> None:
    assert "Also `tune.head_ratio`, `tune.learning_rate`.\n" in section(written, "`tune.strength`")
    assert "Also `kubeflow.components.<name>`.\n" in section(written, "`kubeflow.defaults`")


def test_bounds_of_the_gate_have_the_range_that_the_registry_checks(written: str) -> None:
    assert row(written, "`gate`", "arfg_max")[:3] == ["number", "`null`", "> 0"]
    with pytest.raises(ValueError, match="arfg_max"):
        GateSettings(arfg_max=0)
    kind, _, allowed, *_ = row(written, "`gate`", "fpr_gap_max")
    assert (kind, allowed) == ("number or mapping of text to number", "≥ 0")
    with pytest.raises(ValueError, match="at least 0"):
        GateSettings(fpr_gap_max=-0.1)


def test_a_bar_in_a_cell_ends_no_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunSettings.model_fields["outcomes"], "description", "a | b")
    assert row(page(), "The file", "outcomes")[-1] == r"a \| b"
