"""Documentation made from what the models say of themselves: `python -m orchestration.docs docs/published-tables.md`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from orchestration.dbt import ensure_manifest, published_keys
from orchestration.publishing.snapshot import publication_description
from orchestration.settings import Settings

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
    return "\n".join([_HEAD, *(_section(model, keys[model["name"]]) for model in models), _publication()])


def _section(model: dict[str, Any], key: list[str]) -> str:
    lines = [f"## {model['name']}\n", f"{model['description']}\n", f"Key: {', '.join(f'`{c}`' for c in key)}\n"]
    lines += ["| column | type | meaning |", "|---|---|---|"]
    lines += [
        f"| `{column['name']}` | {column['data_type']} | {column['description']} |" for column in model["columns"].values()
    ]
    return "\n".join(lines) + "\n"


def _publication() -> str:
    described = publication_description()
    lines = ["## publication\n", f"{described.description}\n", "| column | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {meaning} |" for name, meaning in described.columns.items())]) + "\n"


def main(arguments: list[str]) -> int:
    """Write the page to the path given, or to standard output."""
    page = published_tables_page(ensure_manifest(Settings()))
    if arguments:
        Path(arguments[0]).write_text(page, encoding="utf-8")
    else:
        sys.stdout.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
