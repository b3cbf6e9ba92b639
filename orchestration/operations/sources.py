"""The files under `HOME/operations` that extraction reads, as the source `operations` of their streams."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from orchestration.sources.settings import FileSource

NAME = "operations"
CSM_CALLS, HYGIENE_ACCEPTANCES = "csm_calls", "hygiene_acceptances"
ACTION_LOG, ALERT_LOG = "action_log", "alert_log"

SOURCES: Mapping[str, FileSource] = MappingProxyType(
    {
        stream: FileSource(name=NAME, stream=stream, path=f"{stream}.csv")
        for stream in (CSM_CALLS, HYGIENE_ACCEPTANCES, ACTION_LOG, ALERT_LOG)
    }
)
