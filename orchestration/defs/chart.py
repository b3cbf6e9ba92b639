"""Small charts for the pages of assets: bars of text, which the UI shows as they are, without images or scripts."""

from __future__ import annotations

from collections.abc import Mapping

_LONGEST = 30


def bars(values: Mapping[str, float]) -> str:
    """One bar a value, as Markdown; the greatest is the longest, and nothing above nought is without one."""
    if not values:
        return "nothing"
    most = max(values.values())
    width = max(len(name) for name in values)
    lines = [f"{name:<{width}}  {_bar(value, most)} {_number(value)}" for name, value in values.items()]
    return "\n".join(["```", *lines, "```"])


def _bar(value: float, most: float) -> str:
    return "█" * max(1, round(_LONGEST * value / most)) if value > 0 else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
