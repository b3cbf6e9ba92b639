"""How publications are kept.

Here: `publishing.yaml`. Not here: where they go, which is a setting of the installation.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import PolicyFile, setting


class Publishing(PolicyFile):
    """How many publications stay readable."""

    file_name: ClassVar[str] = "publishing.yaml"
    shapes_results: ClassVar[bool] = False

    snapshots_kept: Annotated[int, Field(strict=True, ge=2)] = setting(
        "How many of the newest snapshots are kept; older ones are removed.", "snapshots"
    )
