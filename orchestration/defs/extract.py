"""Extract: one asset a stream, whose materialisation is what its sources held when it was read."""

from collections.abc import Mapping, Sequence

import dagster as dg

from orchestration.defs.asof import ONE_RUN_A_DATE, run_of
from orchestration.defs.progress import Progress
from orchestration.refresh.extract import StreamExtraction, extract
from orchestration.settings import Settings
from orchestration.sources.streams import STREAMS, Stream

GROUP = "extract"
READABLE = "readable"


def landing_key(stream: str) -> dg.AssetKey:
    """The key under which dbt knows the stream as a source."""
    return dg.AssetKey(["landing", stream])


def extract_assets(
    settings: Settings,
    partitions: dg.PartitionsDefinition,
    progress: Progress,
    pulled: Mapping[str, Sequence[dg.AssetKey]],
) -> list[dg.AssetsDefinition]:
    """The landing assets, one a stream. `pulled`: by stream, the assets of the systems that feed it."""
    return [
        _landing_asset(stream, settings, partitions, progress, pulled.get(stream.name, ()))
        for stream in STREAMS.values()
    ]


def _landing_asset(
    stream: Stream,
    settings: Settings,
    partitions: dg.PartitionsDefinition,
    progress: Progress,
    pulled: Sequence[dg.AssetKey],
) -> dg.AssetsDefinition:
    key = landing_key(stream.name)
    need = "required" if stream.required else "optional"

    @dg.asset(
        key=key,
        deps=list(pulled),
        group_name=GROUP,
        kinds={"file", "parquet"},
        owners=["team:data-engineering"],
        tags={"layer": "landing", "stream": need},
        partitions_def=partitions,
        backfill_policy=ONE_RUN_A_DATE,
        description=f"What the sources hold of {stream.name} ({need}), landed as immutable, typed Parquet.",
        check_specs=[
            dg.AssetCheckSpec(
                READABLE, asset=key, description="The stream's file was there and could be read; else what to do."
            )
        ],
    )
    def landing(context: dg.AssetExecutionContext):
        progress.advance(f"reading {stream.name}")
        extraction = extract(run_of(context, settings), stream.name)
        if extraction.stops:
            raise dg.Failure(extraction.problem, metadata=_metadata(extraction), allow_retries=False)
        yield dg.MaterializeResult(metadata=_metadata(extraction))
        yield dg.AssetCheckResult(
            passed=extraction.problem is None,
            check_name=READABLE,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"problem": extraction.problem or "none"},
            description=extraction.problem,
        )

    return landing


def _metadata(extraction: StreamExtraction) -> dict[str, dg.MetadataValue]:
    rows = [
        dg.TableRecord(
            {
                "source": source["source"],
                "status": source["status"],
                "file": source["file"] or "",
                "rows": source["rows_read"],
                "passed over": ", ".join(f"{n} {reason}" for reason, n in source["passed_over"].items()),
                "seconds": source["seconds"],
            }
        )
        for source in extraction.sources
    ]
    metadata: dict[str, dg.MetadataValue] = {
        "status": dg.MetadataValue.text(extraction.status),
        "dagster/row_count": dg.MetadataValue.int(extraction.rows_read),
        "rows passed over": dg.MetadataValue.int(
            sum(sum(source["passed_over"].values()) for source in extraction.sources)
        ),
        "seconds": dg.MetadataValue.float(round(sum((source["seconds"] for source in extraction.sources), 0.0), 3)),
    }
    if rows:
        metadata["sources"] = dg.MetadataValue.table(rows)
    if extraction.problem:
        metadata["problem"] = dg.MetadataValue.text(extraction.problem)
    return metadata
