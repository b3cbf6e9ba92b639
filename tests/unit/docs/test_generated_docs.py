"""Documentation that can't go stale: made parts are current, links lead somewhere, and what is shown works."""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
import yaml

from orchestration.cli import app
from orchestration.docs import filled, pages
from orchestration.policy.handover import extraction_settings, file_sources
from orchestration.policy.load import load_policies
from orchestration.settings import PROJECT_ROOT
from orchestration.sources.drop import extract_stream
from orchestration.sources.landing import LandingZone
from tests.support.compiled import compiled_models

PAGES = [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CHANGELOG.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


# Keys of systems.yaml that name systems.
_SYSTEMS = ("salesforce", "zendesk", "databases", "inboxes", "buckets")


def _blocks(page: Path, language: str) -> Iterator[str]:
    for found, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if found == language:
            lines = text.splitlines()
            indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
            yield "\n".join(line[indent:] for line in lines) + "\n"


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_made_pages_are_current():
    made = pages(PROJECT_ROOT, compiled_models())
    assert [str(path) for path, text in made.items() if path.read_text(encoding="utf-8") != text] == [], (
        "run `make docs`"
    )


def test_what_stands_between_marks_is_made_anew():
    page = "before\n<!-- made: part -->\nold\n<!-- end -->\nafter\n"
    assert filled(page, {"part": lambda: "new\n"}) == "before\n<!-- made: part -->\nnew\n<!-- end -->\nafter\n"
    with pytest.raises(KeyError):
        filled(page, {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _commands(page: Path) -> Iterator[str]:
    for block in _blocks(page, "sh"):
        yield from re.findall(r"(?:^|[\s;])account-health ([^;#\n]+)", block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_understood(page):
    for command in _commands(page):
        words = shlex.split(command.replace("$day", "2026-06-30"))
        part, name = typer.main.get_command(app), "account-health"
        while hasattr(part, "commands"):
            name = words.pop(0)
            assert name in part.commands, command
            part = part.commands[name]
        # Raises UsageError for an option that isn't there; runs nothing.
        part.make_context(name, words)


def test_the_readme_shows_commands():
    assert len(list(_commands(PROJECT_ROOT / "README.md"))) >= 6


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_are_there(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    shown = [name for block in _blocks(page, "sh") for name in re.findall(r"^make ([a-z0-9-]+)", block, re.MULTILINE)]
    shown += re.findall(r"`make ([a-z0-9-]+)`", page.read_text(encoding="utf-8"))
    assert set(shown) <= targets


@pytest.fixture
def policies_with_examples(tmp_path):
    """The shipped policies with every example of the pages in them at once."""
    folder = tmp_path / "policies"
    shutil.copytree(PROJECT_ROOT / "policies", folder)
    examples: dict[str, list] = {"sources": [], "thresholds": [], "overrides": [], "rules": []}
    named: dict[str, dict] = {key: {} for key in (*_SYSTEMS, "targets")}
    access = yaml.safe_load((folder / "access.yaml").read_text(encoding="utf-8"))
    for key, entries in _policies_shown():
        if key in named:
            named[key].update(entries)
        elif key in ("sign_in", *access):
            access[key] = {**(access.get(key) or {}), **entries}
        else:
            _add(examples[key], entries)
    rules = (folder / "actions.yaml").read_text(encoding="utf-8")
    # The rules come last in their file: an example is one more.
    assert list(yaml.safe_load(rules))[-1] == "rules"
    added = yaml.safe_dump(examples.pop("rules"), sort_keys=False)
    (folder / "actions.yaml").write_text(rules + textwrap.indent(added, "  "), encoding="utf-8")
    for file in ("sources.yaml", "health_checks.yaml", "systems.yaml", "write_back.yaml"):
        text = (folder / file).read_text(encoding="utf-8")
        for key, entries in (examples | named).items():
            empty = "[]" if key in examples else "{}"
            text = text.replace(f"\n{key}: {empty}\n", "\n" + yaml.safe_dump({key: entries}, sort_keys=False))
        (folder / file).write_text(text, encoding="utf-8")
    (folder / "access.yaml").write_text(yaml.safe_dump(access, allow_unicode=True), encoding="utf-8")
    for page in PAGES:
        for block in _blocks(page, "csv"):
            if block.startswith("alias,"):
                (folder / "account_aliases.csv").write_text(block, encoding="utf-8")
    return load_policies(folder)


def _policies_shown() -> Iterator[tuple[str, Any]]:
    """(key of a policy file, what stands there) of every example."""
    for page in PAGES:
        for block in _blocks(page, "yaml"):
            yield from yaml.safe_load(block).items()


def _add(known: list[dict], entries: list[dict]) -> None:
    """Two examples of one source are one source, since a policy names each once."""
    for entry in entries:
        name = (entry.get("name"), entry.get("stream"))
        same = [one for one in known if "name" in one and (one["name"], one["stream"]) == name]
        if same:
            same[0].update(entry)
        elif entry not in known:
            known.append(entry)


def test_policy_examples_load(policies_with_examples):
    policies = policies_with_examples
    assert {source.name for source in policies.sources.sources} >= {"files", "mailbox", "telemetry"}
    assert set(policies.systems.by_name) == {"crm", "support", "product", "reports", "lake"}
    assert list(policies.write_back.targets) == ["crm_accounts"]
    assert policies.access.sign_in.oidc is not None
    assert policies.access.sign_in.saml is not None
    assert policies.access.groups
    assert len(policies.sources.thresholds) >= 1
    assert len(policies.health_checks.overrides) == 2
    assert [alias.account for alias in policies.account_aliases] == ["Kestrel Aviation"]


def test_the_mapping_example_reads_its_file(policies_with_examples, tmp_path):
    shown = next(block for block in _blocks(PROJECT_ROOT / "README.md", "csv") if block.startswith("Organiser"))
    drop = tmp_path / "drop"
    (drop / "mailbox").mkdir(parents=True)
    (drop / "mailbox" / "meetings-2026-06.csv").write_text(shown, encoding="utf-8")
    (outcome,) = _extract(policies_with_examples, "activities", drop, tmp_path)
    rows = duckdb.execute(
        "select _source, owner_name, account_name, type, accepted, has_attachment, occurred_at::varchar, _faults"
        " from read_parquet(?)",
        [str(outcome.extraction.part_paths[0])],
    ).fetchall()
    expected = ("mailbox", "Sam Okafor", "Lindqvist Paper AB", "meeting", True, True, "2026-05-03 14:30:00", None)
    assert rows == [expected]


def test_the_query_example_reads_its_file(policies_with_examples, tmp_path):
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "logins.csv").write_text("account_id,day,user\nA-1,2026-06-30,u1\nA-1,2026-06-30,u1\nA-1,2026-06-30,u2\n")
    (outcome,) = _extract(policies_with_examples, "usage", drop, tmp_path)
    rows = duckdb.execute(
        "select _source, account_id, usage_date::varchar, active_users::int, logins::int from read_parquet(?)",
        [str(outcome.extraction.part_paths[0])],
    ).fetchall()
    assert rows == [("telemetry", "A-1", "2026-06-30", 2, 3)]


def _extract(policies, stream: str, drop: Path, folder: Path):
    return extract_stream(
        stream,
        drop,
        LandingZone(folder / "landing"),
        extraction_settings(policies),
        time_zone=policies.calendar.time_zone,
        reporting_currency=policies.calendar.reporting_currency,
        sources=file_sources(policies),
    )


def test_the_changelog_names_every_published_table():
    tables = re.findall(r"^## (\w+)$", (PROJECT_ROOT / "docs" / "published-tables.md").read_text(), re.MULTILINE)
    changes = (PROJECT_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [table for table in tables if f"`{table}`" not in changes] == []
