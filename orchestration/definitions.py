"""The code location's entry: what `dg dev`, the webserver and the daemon load."""

import dagster as dg

from orchestration.build import build_defs


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions, built from the environment's settings."""
    return build_defs()
