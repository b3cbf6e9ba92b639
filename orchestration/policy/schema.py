"""JSON Schemas of the policy files, so that an editor checks and explains values while they are typed.

Here: making them and writing them to `policies/schema/`. Not here: the checks that a schema can't say (`lint`).
"""

from __future__ import annotations

import json
from pathlib import Path

from orchestration.policy.base import PolicyFile
from orchestration.policy.models import POLICY_FILES

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = "schema"


def schema_file_name(model: type[PolicyFile]) -> str:
    """The schema's file name: `calendar.schema.json` for `calendar.yaml`."""
    return f"{Path(model.file_name).stem}.schema.json"


def modeline(model: type[PolicyFile]) -> str:
    """The first line of a policy file, by which editors find its schema."""
    return f"# yaml-language-server: $schema={FOLDER}/{schema_file_name(model)}"


def schema_texts() -> dict[str, str]:
    """Every schema as the text of its file, by file name."""
    return {schema_file_name(model): _text(model) for model in POLICY_FILES.values()}


def write_schemas(policies_directory: Path) -> list[Path]:
    """Write every schema below a policies folder; returns the files written."""
    folder = policies_directory / FOLDER
    folder.mkdir(exist_ok=True)
    written = []
    for name, text in schema_texts().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _text(model: type[PolicyFile]) -> str:
    schema = {"$schema": _DIALECT, **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
