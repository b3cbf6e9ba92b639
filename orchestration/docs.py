"""Documentation made from what the project says of itself: `python -m orchestration.docs .` at the project's root.

Here: the page of published tables, made whole from the models, and parts of other pages (streams, mapping keys,
policies, settings), each between two marks in a page whose words are written by hand. Not here: those words.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from orchestration.dbt import ensure_manifest, published_keys
from orchestration.policy.base import unit_of
from orchestration.policy.describe import Setting, describe
from orchestration.policy.health_checks import MilestoneOverride, Override
from orchestration.policy.load import load_policies
from orchestration.policy.models import POLICY_FILES, Policies
from orchestration.policy.sources import Source, Threshold
from orchestration.publishing.snapshot import publication_description
from orchestration.refresh.histories import HISTORIES, History, history_description, history_key
from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.sources.streams import STREAMS, Column, Stream
from orchestration.whatif.examples import examples_part
from orchestration.whatif.models import CompiledModels, models_of

_HEAD = """\
# Published tables

What BI tools and the portal read. Made from the models' own descriptions by `make docs`; a test holds it current.
Every table is one whole publication: see [data flow](data-flow.md) for how readers get one.
"""


def published_tables_page(manifest: Path) -> str:
    """Markdown with one section a published table: its grain, its key and its columns with type and meaning."""
    keys = published_keys(manifest)
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"].values()
    models = sorted(
        (node for node in nodes if node["resource_type"] == "model" and node["schema"] == "published"),
        key=lambda node: (node["fqn"], node["name"]),
    )
    sections = [section for model in models for section in _sections(model, keys[model["name"]])]
    return "\n".join([_HEAD, *sections, _publication()])


def _sections(model: dict[str, Any], key: list[str]) -> list[str]:
    """A table, its history, or both."""
    name = model["name"]
    history = HISTORIES.get(name)
    if history is None or history.published is None:
        return [_section(model, key)]
    told = model | {"description": history_description(history, model["description"])}
    if history.published == name:
        return [_section(told, history_key(key, history))]
    return [_section(model, key), _history_section(history, told["description"], history_key(key, history))]


def _history_section(history: History, description: str, key: Sequence[str]) -> str:
    columns = f"Columns: those of [{history.table}](#{history.table})."
    return "\n".join([f"## {history.published}\n", f"{description}\n", f"{_key(key)}\n", f"{columns}\n"])


def _key(key: Sequence[str]) -> str:
    return f"Key: {_codes(key)}"


def _section(model: dict[str, Any], key: Sequence[str]) -> str:
    lines = [f"## {model['name']}\n", f"{model['description']}\n", f"{_key(key)}\n"]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{column['name']}` | {column['data_type']} | {column['description']} |"
        for column in model["columns"].values()
    ]
    return "\n".join(lines) + "\n"


def _publication() -> str:
    described = publication_description()
    lines = ["## publication\n", f"{described.description}\n", "| column | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {meaning} |" for name, meaning in described.columns.items())]) + "\n"


# An asterisk that Markdown leaves alone.
_STAR = r" \*"
_MARK = re.compile(r"<!-- made: (?P<part>[a-z_]+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str, parts: Mapping[str, Callable[[], str]]) -> str:
    """A page with what stands between its marks made anew; raises KeyError for a mark that nothing is made for."""
    return _MARK.sub(lambda mark: f"<!-- made: {mark['part']} -->\n{parts[mark['part']]().strip()}\n<!-- end -->", page)


def streams_part() -> str:
    """A section a stream: what it is for the run, and its columns with kind, mark and other headers."""
    streams = load_policies(PROJECT_ROOT / "policies").sources.streams
    return "\n\n".join(_stream(stream, streams[name]) for name, stream in STREAMS.items())


def _stream(stream: Stream, settings: Any) -> str:
    stale = "the last known rows are used" if settings.on_stale == "use_last_known" else "it is left out"
    need = "Required" if stream.required else "Optional"
    lines = [
        f"### {stream.name}\n",
        f"{need}. Key: {', '.join(f'`{name}`' for name in stream.key)}. Expected {settings.cadence}; "
        f"stale when older than {settings.max_age_days} days, then {stale}.\n",
        "| column | kind | other headers | values |",
        "|---|---|---|---|",
        *(_row(f"`{c.name}`{_required(c)}", c.kind.value, _codes(c.aliases), _codes(c.values)) for c in stream.columns),
    ]
    return "\n".join(lines)


def _required(column: Column) -> str:
    if not column.required:
        return ""
    return _STAR if column.required_value else r" (\*)"


def mapping_part() -> str:
    """The keys of a file source."""
    return _keys(Source)


def thresholds_part() -> str:
    """The keys of a threshold."""
    return _keys(Threshold)


def _keys(model: type[BaseModel]) -> str:
    rows = (
        _row(f"`{name}`{_STAR if info.is_required() else ''}", unit_of(info), info.description)
        for name, info in model.model_fields.items()
    )
    return "\n".join(["| key | unit | meaning |", "|---|---|---|", *rows])


def policies_part() -> str:
    """A section a file: every key with its unit, its shipped value and its meaning."""
    policies = load_policies(PROJECT_ROOT / "policies")
    by_file: dict[str, list[Setting]] = {model.file_name: [] for model in POLICY_FILES.values()}
    for setting in describe(policies):
        by_file[setting.file].append(setting)
    return "\n\n".join(_policy_file(file, settings, policies) for file, settings in by_file.items())


def _policy_file(file: str, settings: list[Setting], policies: Policies) -> str:
    shapes = any(setting.shapes_results for setting in settings)
    part = "Part of `policy_version`: a change here changes results." if shapes else "No part of `policy_version`."
    rows = [_row(f"`{key}`", s.unit, value, s.meaning) for key, s, value in _streams_together(settings)]
    head = [f"## {file}\n", f"{_of_file(file)} {part}\n", "| key | unit | default | meaning |", "|---|---|---|---|"]
    return "\n".join([*head, *rows])


def _streams_together(settings: list[Setting]) -> Iterator[tuple[str, Setting, str]]:
    """(key, setting, value), with the keys that every stream has as one: the commonest value, then who differs."""
    by_name: dict[str, dict[str, Setting]] = {}
    for one in settings:
        group, stream, name = [*one.key.split("."), "", ""][:3]
        if group == "streams":
            by_name.setdefault(name, {})[stream] = one
    for name, of_streams in by_name.items():
        values = [_value(one.value) for one in of_streams.values()]
        common = max(values, key=values.count)
        others = [f"{stream}: {_value(s.value)}" for stream, s in of_streams.items() if _value(s.value) != common]
        yield f"streams.<stream>.{name}", next(iter(of_streams.values())), "; ".join([common, *others])
    for one in settings:
        if not one.key.startswith("streams."):
            yield one.key, one, _value(one.value)


def _of_file(file: str) -> str:
    model = next(model for model in POLICY_FILES.values() if model.file_name == file)
    return str(model.__doc__).strip().splitlines()[0]


def overrides_part() -> str:
    """The keys of an override of the health-check policy, and of a milestone in it."""
    return f"{_keys(Override)}\n\nKeys of a milestone in an override:\n\n{_keys(MilestoneOverride)}"


def settings_part() -> str:
    """Every setting as its environment variable."""
    rows = [
        _row(f"`ACCOUNT_HEALTH_{name.upper()}`", _default(info.default), info.description)
        for name, info in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Path) and value.is_relative_to(PROJECT_ROOT):
        return f"`{value.relative_to(PROJECT_ROOT)}` of the project"
    return f"`{value}`"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return _codes(value) or "none"
    if isinstance(value, dict):
        return _codes(f"{key}: {item}" for key, item in value.items()) or "none"
    return _codes([str(value).lower() if isinstance(value, bool) else value])


def _codes(values: Iterable[Any]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _row(*cells: str | None) -> str:
    return f"| {' | '.join((cell or '').replace('|', chr(92) + '|') for cell in cells)} |"


PARTS: Mapping[str, Callable[[], str]] = MappingProxyType(
    {
        "streams": streams_part,
        "mapping": mapping_part,
        "thresholds": thresholds_part,
        "policies": policies_part,
        "overrides": overrides_part,
        "settings": settings_part,
    }
)
PAGES_WITH_PARTS = ("README.md", "docs/actions.md", "docs/sources.md", "docs/policies.md")


def pages(root: Path, models: CompiledModels) -> dict[Path, str]:
    """Every page that is made, wholly or in part, as it should be now, by its path; `models` with the shipped rules."""
    policies = load_policies(PROJECT_ROOT / "policies")
    parts = PARTS | {"examples": lambda: examples_part(policies, models)}
    made = {root / page: filled((root / page).read_text(encoding="utf-8"), parts) for page in PAGES_WITH_PARTS}
    return {root / "docs" / "published-tables.md": published_tables_page(ensure_manifest(Settings())), **made}


def main(arguments: list[str]) -> int:
    """Bring every page below the folder given (default: the project's root) up to date."""
    settings = Settings(policies=PROJECT_ROOT / "policies")
    models = models_of(settings, load_policies(settings.policies))
    for path, text in pages(Path(arguments[0]) if arguments else PROJECT_ROOT, models).items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
