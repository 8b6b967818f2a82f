"""Writes ``releases/schema.json``, with which editors check manifests: ``python -m tasks.schema``."""

from __future__ import annotations

import json
from pathlib import Path

from crosscourse import files
from crosscourse.manifest.load import schema
from tasks.kinds import TABLES

PATH = Path(__file__).resolve().parents[1] / "releases" / "schema.json"

if __name__ == "__main__":
    files.write_text(PATH, json.dumps(schema(TABLES), indent=2) + "\n")
