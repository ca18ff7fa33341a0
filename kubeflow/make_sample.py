"""Makes the shipped sample's log where its YAML file looks for it: ``python -m kubeflow.make_sample``, for the image."""

from __future__ import annotations

from pathlib import Path

from pipeline.sample import short_videos as sample_data
from pipeline.settings.config import load

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Makes the log of ``data_schemas/sample``."""
    settings = load(ROOT / "data_schemas" / "sample" / "dataset.yaml")
    assert settings.sample is not None
    sample_data.ensure(Path(settings.log.root), settings.sample)


if __name__ == "__main__":
    main()
