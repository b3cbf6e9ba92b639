"""Editors' schemas are current, accept what is shipped, and every value is described."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import yaml

from orchestration.policy import health_checks
from orchestration.policy.describe import describe
from orchestration.policy.load import load_policies
from orchestration.policy.models import POLICY_FILES
from orchestration.policy.schema import FOLDER, modeline, schema_file_name, schema_texts, write_schemas
from orchestration.sources.streams import STREAMS

MODELS = pytest.mark.parametrize("model", POLICY_FILES.values(), ids=lambda model: model.file_name)


def test_committed_schemas_are_current(shipped: Path) -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in (shipped / FOLDER).iterdir()}

    assert committed == schema_texts(), "run: account-health policies schema"


def test_schemas_are_written_below_the_policies(folder: Path) -> None:
    for path in (folder / FOLDER).iterdir():
        path.unlink()

    assert [path.name for path in write_schemas(folder)] == list(schema_texts())


@MODELS
def test_shipped_files_name_and_meet_their_schema(shipped: Path, model: type) -> None:
    text = (shipped / model.file_name).read_text(encoding="utf-8")
    schema = json.loads((shipped / FOLDER / schema_file_name(model)).read_text(encoding="utf-8"))

    assert text.splitlines()[0] == modeline(model)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(text), schema)


@MODELS
def test_every_key_says_its_unit_and_meaning(model: type) -> None:
    def keys(part: dict) -> list[tuple[str, dict]]:
        found = list(part.get("properties", {}).items())
        return found + [key for inner in part.get("$defs", {}).values() for key in keys(inner)]

    for name, key in keys(model.model_json_schema()):
        assert key.get("description"), f"{model.file_name}: {name} has no meaning"
        assert key.get("unit"), f"{model.file_name}: {name} has no unit"


@MODELS
def test_examples_in_comments_load(folder: Path, model: type) -> None:
    """Each example in the comments, taken for the real thing, is a policy that loads."""
    path = folder / model.file_name
    lines = path.read_text(encoding="utf-8").splitlines()
    keys = [name for name in model.model_fields if f"# {name}:" in lines]
    # What is shipped under these keys makes room.
    text = "\n".join(lines) + "\n"
    for key in keys:
        text = re.sub(rf"^{key}:.*\n(  .*\n)*", "", text, flags=re.MULTILINE)
    for key in keys:
        start = lines.index(f"# {key}:")
        example = [line for line in lines[start:] if line.startswith("#")]
        end = next(i for i, line in enumerate(lines[start:]) if not line.startswith("# "))
        text += "\n" + "\n".join(line[2:] for line in example[:end])
    path.write_text(text, encoding="utf-8")

    load_policies(folder)


def test_settings_are_described_with_unit_and_meaning(shipped: Path) -> None:
    settings = {setting.key: setting for setting in describe(load_policies(shipped))}

    offset = settings["milestones.pre_end.offset_days"]
    assert (offset.file, offset.value, offset.unit) == ("health_checks.yaml", -120, "days, may be negative")
    assert offset.meaning.startswith("Due date = anchor")
    assert offset.shapes_results
    assert not settings["streams.usage.max_age_days"].shapes_results
    assert settings["matching.legal_forms"].value[0] == "Inc"
    assert all(setting.unit and setting.meaning for setting in settings.values())


def test_choices_are_those_of_the_streams() -> None:
    assert get_args(health_checks.Segment) == STREAMS["accounts"].column("segment").values
    assert get_args(health_checks.ActivityStatus) == STREAMS["activities"].column("status").values


def test_the_package_is_pure() -> None:
    program = "import sys, orchestration.policy.tables, orchestration.policy.schema, orchestration.policy.describe; "
    program += "print([name for name in sys.modules if name.split('.')[0] in ('dagster', 'dbt', 'great_expectations')])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ast.literal_eval(done.stdout) == []
