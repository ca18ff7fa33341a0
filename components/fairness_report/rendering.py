"""The page: a template, its style and scripts, and the data, in one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import tensorflow_model_analysis as tfma
from markupsafe import Markup

from components.fairness_report.page_data import PageData
from components.tradeoff_metrics.telling import units
from models.formats import strict_json
from models.formats.texts import inert

FOLDER = Path(__file__).parent / "page"
# In this order: each may use what stands in those before it.
SCRIPTS = (
    "core.js",
    "charts.js",
    "totals.js",
    "worst.js",
    "rates.js",
    "threshold.js",
    "tradeoff_chart.js",
    "tradeoff.js",
    "scores.js",
    "charting.js",
    "components.js",
    "training.js",
    "dataset.js",
    "main.js",
)


STYLES = ("base.css", "verdict.css", "tables.css", "sections.css", "media.css")


@cache
def assets_hash() -> str:
    """Hash (hex) over the page's own files, so that TFX's cache notices when one of them changes."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def components_script() -> str:
    """TFMA's and Fairness Indicators' web components, as TFMA's wheel ships them.

    Raises:
      FileNotFoundError: The installed TFMA has no such file.
    """
    path = Path(tfma.__file__).parent / "static" / "vulcanized_tfma.js"
    if not path.is_file():
        raise FileNotFoundError(f"expected TFMA's web components at {path}. Received: no such file")
    return path.read_text(encoding="utf-8")


def render_page(data: PageData, summary: Mapping[str, Any]) -> str:
    """The page as HTML.

    Args:
      data: What the page embeds.
      summary: The run's summary, for what stands in the page without any script.
    """
    # The markup of a script element may not be closed by what stands in it; a regular expression's `\/` is `/`.
    library = re.sub(r"</(script)", r"<\\/\1", components_script(), flags=re.IGNORECASE)
    script = "\n".join(
        ["'use strict';", "(() => {", *((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS), "})();"]
    )
    return (
        environment()
        .get_template("index.html.j2")
        .render(
            main=data.main,
            summary=summary,
            style=Markup("\n".join((FOLDER / name).read_text(encoding="utf-8") for name in STYLES)),
            script=Markup(script),
            library=Markup(library),
            policy=content_policy([script, library]),
            embedded={
                "report-data": embed(data.main),
                "report-histograms": embed(data.histograms),
                **{f"tfma-data-{number}": embed(table) for number, table in enumerate(data.tfma)},
            },
        )
    )


def content_policy(scripts: list[str]) -> str:
    """The page's Content-Security-Policy: these scripts, inline styles, and nothing from anywhere.

    TFMA's components write styles of their own, so styles cannot be listed; no markup may run a script.
    """
    hashes = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    listed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {listed}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def embed(value: Any) -> Markup:
    """JSON that can stand in a script element whatever text it holds; signs that act unseen are written as escapes."""
    text = strict_json.dumps(_inert(value), compact=True)
    # ASCII, so U+2028 is escaped; without these three no markup can begin or end.
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _inert(value: Any) -> Any:
    if isinstance(value, str):
        return inert(value)
    if isinstance(value, dict):
        return {_inert(key): _inert(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inert(part) for part in value]
    return value


def _printed(value: Any) -> Any:
    # Markup is ours: scripts, styles and embedded data.
    return value if isinstance(value, Markup) else _inert(value)


@cache
def environment() -> jinja2.Environment:
    """Templates of the page and of the model card. Everything is escaped, and a name that is not there is an error."""
    result = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_printed,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters |= {"measured": measured, "with_unit": with_unit, "interval": interval}
    return result


def with_unit(value: float | None, unit: str, signed: bool = False) -> str:
    """A value as a reader expects it, or that it is undefined."""
    if value is None:
        return "undefined"
    return ("+" if signed and value > 0 else "") + units.with_unit(value, unit)


def measured(value: float | None) -> str:
    """A ratio with three decimals."""
    return with_unit(value, "ratio")


def interval(ends: list[float] | None, unit: str = "ratio") -> str:
    """An interval, or that it is unbounded."""
    if ends is None:
        return "unbounded"
    lower, upper = (with_unit(end, unit) for end in ends)
    return f"{lower.removesuffix(' points').removesuffix(' %')} to {upper}"
