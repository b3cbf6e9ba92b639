"""What extraction is told is what the policy says."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from orchestration.policy.handover import extraction_settings, file_sources
from orchestration.policy.load import load_policies
from orchestration.policy.sources import Extraction, Source
from orchestration.sources import settings

DECLARED = """sources:
  - name: mailbox
    stream: activities
    path: mailbox/*.csv
    columns: {owner_name: Organiser}
    constants: {type: meeting, has_attachment: false, revenue: 0, sentiment: 0.50}
    value_maps: {accepted: {'Yes': true, 'No reply': }}
    null_values: ['-']
"""


def test_every_key_reaches_extraction(shipped: Path) -> None:
    policies = load_policies(shipped)

    told = extraction_settings(policies)

    assert {field.name for field in fields(told)} == set(Extraction.model_fields)
    assert (told.settle_seconds, told.max_file_bytes_decompressed, told.memory_limit) == (2.0, 20 * 2**30, "1GB")
    assert told.streams_without_extra_columns == ("tickets", "usage")
    assert {field.name for field in fields(settings.FileSource)} <= set(Source.model_fields)
    assert file_sources(policies) == ()


def test_a_declared_source_keeps_cells_as_the_file_would_say_them(folder: Path) -> None:
    path = folder / "sources.yaml"
    path.write_text(path.read_text().replace("sources: []\n", DECLARED))

    (source,) = file_sources(load_policies(folder))

    assert (source.name, source.stream, source.path, source.query) == ("mailbox", "activities", "mailbox/*.csv", None)
    assert source.columns == {"owner_name": "Organiser"}
    assert source.constants == {"type": "meeting", "has_attachment": "false", "revenue": "0", "sentiment": "0.50"}
    assert source.value_maps == {"accepted": {"Yes": "true", "No reply": ""}}
    assert source.null_values == ("-",)
    assert source.fingerprint()["stream"] == "activities"
