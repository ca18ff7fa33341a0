"""The shipped sample: a generated short-video impression log whose unfairness is planted at a stated strength.

Three tasks (``click``, ``long_view``, ``like``) hang together through one latent affinity of user and item. Videos may
play by themselves (``autoplay``), so a long view or a like can come without a click, and every task has negatives on
which all the other tasks are positive.

What is planted. Each task has one cue among the inputs, the user's running counter of past behaviour
(``click_prior``, ``watch_prior``, ``like_prior``): N(+1, 1) on positives and N(-1, 1) on negatives. On the negatives of
one gender the counter is inflated: with probability ``bias[task]`` it is drawn as on positives (accidental taps that were
counted). Any model that learns the cue has more false positives in that gender, and a model that is fair must read
the cue together with what tells the genders apart (``device`` and the video's category). Which gender suffers
differs between tasks (``INFLATED``), so a repair of one task can harm another. With ``bias`` 0 the genders differ in no way
that a label depends on.

``conflict`` adds a fourth task, ``dismiss``, that wants other hidden units than the rest: each of the cues alone says
nothing about it, and the sign of their product does. Layers that are shared have to give units to it which the other
tasks, for which a cue means one thing everywhere, then lack.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
from pydantic import Field

from models.config.settings import Settings
from pipeline.settings.text_files import read_utf8

TASKS = ("click", "long_view", "like")
CONFLICTING = "dismiss"
CUES = {"click": "click_prior", "long_view": "watch_prior", "like": "like_prior"}
INFLATED = {"click": "male", "long_view": "male", "like": "female"}
CATEGORIES = ("sports", "cars", "games", "news", "music", "comedy", "food", "travel", "beauty", "crafts")
INTERESTS = ("outdoor", "tech", "family", "money", "art", "health")
DEVICES = ("android_low", "android_high", "ios", "tablet")
_MANIFEST = "sample.json"
# Two weeks, in seconds.
_PERIOD = 14 * 86_400


class SampleSettings(Settings):
    """Size, seed and planted strength of the sample."""

    rows: int = Field(40_000, ge=100, description="impressions of the log")
    users: int = Field(4_000, ge=10, description="rows of the table of users")
    items: int = Field(800, ge=10, description="rows of the table of videos")
    shards: int = Field(2, ge=1, description="CSV files that the impressions are divided into")
    seed: int = Field(20_240_613, description="fixes all draws: equal settings give the same tables")
    bias: dict[str, float] = Field(
        {"click": 0.35, "long_view": 0.3, "like": 0.35},
        description="task → share of one gender's negatives that look like positives, from 0 to 1; 0, or no entry, plants "
        "no unfairness",
    )
    missing: dict[str, float] = Field(
        {"long_view": 0.03, "like": 0.05},
        description="task → share of its labels that are unknown, from 0 to 1; no entry is 0",
    )
    conflict: Optional[float] = Field(
        None, gt=0, description="log odds of a task `dismiss` that conflicts with the others; absent: no such task"
    )


class Tables(NamedTuple):
    """The three tables of the sample."""

    impressions: pa.Table
    users: pa.Table
    items: pa.Table


def _users(settings: SampleSettings, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = settings.users
    male = rng.random(n) < 0.5
    interests = rng.random((n, len(INTERESTS))) < 0.3
    return {
        "male": male,
        "age": np.clip(rng.normal(34, 12, n), 16, 75).astype(int),
        "device": np.where(male, rng.choice(4, n, p=(0.45, 0.35, 0.1, 0.1)), rng.choice(4, n, p=(0.1, 0.2, 0.5, 0.2))),
        "interests": np.array(["|".join(np.array(INTERESTS)[row]) for row in interests]),
        "taste": rng.normal(0, 1, (n, 4)),
        "activity": rng.lognormal(0, 0.7, n),
    }


def _items(settings: SampleSettings, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = settings.items
    return {
        "category": rng.integers(0, len(CATEGORIES), n),
        "duration": np.round(rng.lognormal(3.2, 0.6, n), 1),
        "quality": rng.normal(0, 1, n),
        "style": rng.normal(0, 1, (n, 4)),
        "popularity": rng.lognormal(0, 1.0, n),
        "upload_day": rng.integers(1, 365, n),
    }


def _draw_items(male: np.ndarray, items: dict[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """What is shown: popular videos, the first categories more to men, the last more to women (a proxy of gender)."""
    tilt = np.linspace(1.2, -1.2, len(CATEGORIES))[items["category"]]
    drawn = np.empty(len(male), dtype=int)
    for is_male in (True, False):
        weights = items["popularity"] * np.exp(tilt if is_male else -tilt)
        rows = male == is_male
        drawn[rows] = rng.choice(len(weights), rows.sum(), p=weights / weights.sum())
    return drawn


def _labels(affinity: np.ndarray, autoplay: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """0/1 labels [n] of the tasks. They depend on the affinity and on autoplay, never on the user's groups."""

    def happens(logit: np.ndarray) -> np.ndarray:
        return rng.random(len(logit)) < 1 / (1 + np.exp(-logit))

    click = happens(0.9 * affinity - 0.2 - 0.8 * autoplay)
    long_view = happens(0.9 * affinity - 1.3 + 0.9 * click + 1.4 * autoplay)
    like = happens(0.8 * affinity - 0.8 + 0.6 * click + 0.6 * long_view)
    return {"click": click.astype(int), "long_view": long_view.astype(int), "like": like.astype(int)}


def _cue(label: np.ndarray, inflated: np.ndarray, bias: float, rng: np.random.Generator) -> np.ndarray:
    """The counter of a task: shows the label, and on a share ``bias`` of the inflated group's negatives the contrary."""
    looks_positive = (label == 1) | (inflated & (rng.random(len(label)) < bias))
    return np.where(looks_positive, 1.0, -1.0) + rng.normal(0, 1, len(label))


def generate(settings: SampleSettings) -> Tables:
    """Draws the sample. The same settings give the same tables."""
    rng = np.random.default_rng(settings.seed)
    users, items = _users(settings, rng), _items(settings, rng)
    impressions = draw_impressions(settings, users, items, rng, settings.rows)
    return Tables(impressions, _user_table(users), _item_table(items, rng))


def draw_impressions(
    settings: SampleSettings,
    users: dict[str, np.ndarray],
    items: dict[str, np.ndarray],
    rng: np.random.Generator,
    n: int,
    first: int = 0,
) -> pa.Table:
    """``n`` impressions, in the order of their time, numbered from ``first`` of the ``settings.rows`` of the whole log."""
    user = rng.choice(settings.users, n, p=users["activity"] / users["activity"].sum())
    male = users["male"][user]
    item = _draw_items(male, items, rng)
    autoplay = (rng.random(n) < 0.5).astype(int)
    position = rng.integers(1, 11, n)
    match = (users["taste"][user] * items["style"][item]).sum(1) / 2
    affinity = match + 0.6 * items["quality"][item] - 0.08 * (position - 5)
    labels = _labels(affinity, autoplay, rng)
    start, end = (_PERIOD * row // settings.rows for row in (first, first + n))
    columns: dict[str, pa.Array] = {
        "impression_id": pa.array(np.arange(first, first + n)),
        "user_id": pa.array(user),
        "item_id": pa.array(item),
        "timestamp": pa.array(1_700_000_000 + np.sort(rng.integers(start, max(end, start + 1), n))),
        "hour": pa.array(rng.integers(0, 24, n)),
        "position": pa.array(position),
        "autoplay": pa.array(autoplay),
        "match": pa.array(np.round(match + rng.normal(0, 1.0, n), 4)),
    }
    for task in TASKS:
        inflated = male == (INFLATED[task] == "male")
        columns[CUES[task]] = pa.array(np.round(_cue(labels[task], inflated, settings.bias.get(task, 0.0), rng), 4))
    for task in TASKS:
        unknown = rng.random(n) < settings.missing.get(task, 0.0)
        columns[task] = pa.array(labels[task], mask=unknown)
    if settings.conflict is not None:
        cues = [columns[CUES[task]].to_numpy() for task in TASKS]
        columns[CONFLICTING] = pa.array(_conflicting(cues, settings.conflict, rng))
    return pa.table(columns)


def _conflicting(cues: Sequence[np.ndarray], strength: float, rng: np.random.Generator) -> np.ndarray:
    """0/1 [n]: likelier, by ``strength`` log odds either way, where the product of the cues is positive."""
    logit = strength * np.sign(np.prod(cues, axis=0))
    return (rng.random(len(logit)) < 1 / (1 + np.exp(-logit))).astype(int)


def draw_users_and_items(settings: SampleSettings) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Tables]:
    """Users and items as ``draw_impressions`` reads them, and their tables (beside an empty log)."""
    rng = np.random.default_rng(settings.seed)
    users, items = _users(settings, rng), _items(settings, rng)
    empty = draw_impressions(settings, users, items, np.random.default_rng(settings.seed), 0)
    return users, items, Tables(empty, _user_table(users), _item_table(items, rng))


def _user_table(users: dict[str, np.ndarray]) -> pa.Table:
    return pa.table(
        {
            "user_id": np.arange(len(users["male"])),
            "gender": np.where(users["male"], "M", "F"),
            "age": users["age"],
            "device": np.array(DEVICES)[users["device"]],
            "interests": users["interests"],
        }
    )


def _item_table(items: dict[str, np.ndarray], rng: np.random.Generator) -> pa.Table:
    return pa.table(
        {
            "item_id": np.arange(len(items["category"])),
            "category": np.array(CATEGORIES)[items["category"]],
            "duration_s": items["duration"],
            "rating": np.round(items["quality"] + rng.normal(0, 0.5, len(items["quality"])), 3),
            "upload_day": items["upload_day"],
        }
    )


def _read(manifest: Path) -> Any:
    try:
        return json.loads(read_utf8(manifest))
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{manifest}: expected the settings of a generated sample as JSON. Received: {error}; remove the folder, and it "
            "is made anew"
        ) from error


def ensure(folder: Path, settings: SampleSettings) -> bool:
    """Writes the sample into ``folder`` unless it stands there with these settings; says whether it wrote.

    The folder appears whole or not at all: it is written aside and renamed.
    """
    manifest = folder / _MANIFEST
    wanted = settings.model_dump(mode="json", exclude_none=True)
    if manifest.exists() and _read(manifest) == wanted:
        return False
    aside = folder.with_name(f"{folder.name}.writing")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tables = generate(settings)
    bounds = np.linspace(0, settings.rows, settings.shards + 1).astype(int)
    for shard, (start, stop) in enumerate(pairwise(bounds)):
        pacsv.write_csv(tables.impressions.slice(start, stop - start), aside / f"impressions-{shard:02d}.csv")
    pacsv.write_csv(tables.users, aside / "users.csv")
    pacsv.write_csv(tables.items, aside / "items.csv")
    (aside / _MANIFEST).write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if folder.exists():
        if not manifest.exists() and any(folder.iterdir()):
            shutil.rmtree(aside)
            raise FileExistsError(
                f"{folder} holds files that are no generated sample (no {_MANIFEST}); it is left as it is. "
                "Name another `log.root`, or remove the folder."
            )
        shutil.rmtree(folder)
    os.replace(aside, folder)
    return True
