"""Writes ``releases/schema.json`` and ``schema-extends.json``, with which editors check manifests:
``python -m tasks.schema``.
"""

from __future__ import annotations

import json
from pathlib import Path

from crosscourse import files
from crosscourse.manifest.load import schema, schema_of_extending
from tasks.kinds import TABLES

PATH = Path(__file__).resolve().parents[1] / "releases" / "schema.json"
PATH_OF_EXTENDING = PATH.with_name("schema-extends.json")

if __name__ == "__main__":
    files.write_text(PATH, json.dumps(schema(TABLES), indent=2) + "\n")
    files.write_text(PATH_OF_EXTENDING, json.dumps(schema_of_extending(TABLES), indent=2) + "\n")
