"""What other policies would change, as one page of HTML that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from orchestration.whatif.policy_diff import PolicyDiff

_TEMPLATE = "policy_diff.html.j2"


def write_page(file: Path, diff: PolicyDiff) -> None:
    """Write the page, replacing what was there."""
    file.write_text(page(diff), encoding="utf-8")


def page(diff: PolicyDiff) -> str:
    """The page; all text of accounts and policies is escaped."""
    environment = Environment(
        loader=PackageLoader("orchestration.whatif"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(_TEMPLATE).render(diff=diff)
