"""The settings of streams and sources as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import pyarrow as pa

from orchestration.policy.models import Policies
from orchestration.policy.tables.columns import Row, Rows, Schemas, column
from orchestration.sources.streams import STREAMS

SCHEMAS: Schemas = MappingProxyType(
    {
        "stream_settings": pa.schema(
            [
                column("stream", pa.string(), "stream"),
                column("cadence", pa.string(), "how often it is extracted: daily or weekly"),
                column("max_age_days", pa.int32(), "an extraction older than this is stale, days"),
                column("on_stale", pa.string(), "use_last_known or omit"),
                column("is_required", pa.bool_(), "whether a run needs the stream"),
            ]
        ),
        "stream_sources": pa.schema(
            [
                column("stream", pa.string(), "stream"),
                column("source", pa.string(), "source that feeds it"),
                column("source_rank", pa.int32(), "1 wins when two sources have the same key"),
            ]
        ),
    }
)


def _stream_settings(policies: Policies) -> Iterable[Row]:
    for stream, settings in sorted(policies.sources.streams.items()):
        yield {
            "stream": stream,
            "cadence": settings.cadence,
            "max_age_days": settings.max_age_days,
            "on_stale": settings.on_stale,
            "is_required": STREAMS[stream].required,
        }


def _stream_sources(policies: Policies) -> Iterable[Row]:
    for stream in sorted(policies.sources.streams):
        for rank, source in enumerate(policies.sources.source_order(stream), start=1):
            yield {"stream": stream, "source": source, "source_rank": rank}


ROWS: Mapping[str, Rows] = MappingProxyType(
    {
        "stream_settings": _stream_settings,
        "stream_sources": _stream_sources,
    }
)
