"""Writes ``releases/schema.json``, with which editors check manifests: ``python -m crosscourse.manifest.schema``."""

from __future__ import annotations

import json
from pathlib import Path

from crosscourse import files
from crosscourse.manifest.model import schema

PATH = Path(__file__).resolve().parents[2] / "releases" / "schema.json"

if __name__ == "__main__":
    files.write_text(PATH, json.dumps(schema(), indent=2) + "\n")
