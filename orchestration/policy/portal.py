"""How the portal serves: page length, sessions, rates.

Here: `portal.yaml`. Not here: who may see and do what (`access.py`).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from orchestration.policy.base import PolicyFile, PositiveCount, setting

_MOST_ROWS_A_PAGE = 500
_MOST_IDLE_MINUTES = 24 * 60
_MOST_SESSION_HOURS = 24 * 31
# What a sheet of XLSX holds, with the header and the lines that say where it comes from.
_MOST_EXPORT_ROWS = 1_048_000
# They are named in the address of the page that asks again.
_MOST_AT_ONCE = 200
_MOST_API_ROWS = 10_000
_MOST_TOKEN_DAYS = 3_660
_LEAST_MEMORY_MB, _MOST_MEMORY_MB = 64, 262_144
_MOST_SIMULATION_SECONDS = 3_600
# A policy file may be so large (document.py).
_MOST_PREVIEW_BYTES = 1_048_576


class Portal(PolicyFile):
    """Figures of the web app."""

    file_name: ClassVar[str] = "portal.yaml"
    shapes_results: ClassVar[bool] = False

    rows_a_page: Annotated[int, Field(strict=True, ge=1, le=_MOST_ROWS_A_PAGE)] = setting(
        "Rows of one page of a table.", "rows"
    )
    session_idle_minutes: Annotated[int, Field(strict=True, ge=1, le=_MOST_IDLE_MINUTES)] = setting(
        "A session ends after so long without a request.", "minutes"
    )
    session_hours: Annotated[int, Field(strict=True, ge=1, le=_MOST_SESSION_HOURS)] = setting(
        "A session ends so long after the sign-in, whatever happens.", "hours"
    )
    most_a_minute: PositiveCount = setting("Requests a minute of one person who is signed in.", "requests")
    most_sign_ins_a_minute: PositiveCount = setting(
        "Requests a minute from one address to what needs no sign-in.", "requests"
    )
    export_rows_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_EXPORT_ROWS)] = setting(
        "Rows that one export may have.", "rows"
    )
    xlsx_rows_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_EXPORT_ROWS)] = setting(
        "Rows that one export as XLSX may have.", "rows"
    )
    api_rows_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_API_ROWS)] = setting(
        "Rows of one answer of the API.", "rows"
    )
    most_a_minute_of_a_token: PositiveCount = setting("Requests a minute of one service token.", "requests")
    token_days_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_TOKEN_DAYS)] = setting(
        "A service token ends so long after it was made at the latest.", "days"
    )
    simulation_seconds_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_SIMULATION_SECONDS)] = setting(
        "A simulation that takes longer is ended.", "seconds"
    )
    simulations_waiting_most: PositiveCount = setting("Simulations that may wait for their turn.", "simulations")
    simulations_kept: PositiveCount = setting("Simulations whose result is kept for who asks again.", "simulations")
    bulk_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_AT_ONCE)] = setting(
        "Actions that are approved together at most.", "actions"
    )
    database_memory_mb: Annotated[int, Field(strict=True, ge=_LEAST_MEMORY_MB, le=_MOST_MEMORY_MB)] = setting(
        "Memory of the database that pages are read from.", "MB"
    )
    preview_bytes_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_PREVIEW_BYTES)] = setting(
        "An edited policy file that is previewed may have so many.", "bytes"
    )
    preview_seconds_most: Annotated[int, Field(strict=True, ge=1, le=_MOST_SIMULATION_SECONDS)] = setting(
        "A preview that takes longer is ended.", "seconds"
    )
    previews_waiting_most: PositiveCount = setting("Previews that may wait for their turn.", "previews")
    previews_kept: PositiveCount = setting("Previews that are kept, of all sessions together.", "previews")
    preview_rows_most: PositiveCount = setting("Changes of each kind that a preview lists; all are counted.", "rows")
