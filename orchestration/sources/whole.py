"""The rows of extractions, whole: what is in their parts without what is gone since.

Here: SQL over the files of the landing zone, for DuckDB. Not here: which extractions are read, and how they came to
share parts (`delta`). `_row` tells the rows of an extraction apart; where its parts are shared with an earlier one,
the record's number in the file stands in its `places`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from orchestration.sources.sqltext import Sql, compose, identifier, joined, literal, text_list


class LandedFiles(Protocol):
    """Where the rows of an extraction are."""

    @property
    def extraction_id(self) -> str: ...
    @property
    def part_paths(self) -> Sequence[Path]: ...
    @property
    def gone_path(self) -> Path | None: ...
    @property
    def places_path(self) -> Path | None: ...


def rows(extraction: LandedFiles, columns: Sequence[str], replaced: Mapping[str, Sql] | None = None) -> Sql:
    """A SELECT of these columns of all of the extraction's rows, some of them replaced by other SQL."""
    replaced = {"_extraction_id": literal(extraction.extraction_id)} | dict(replaced or {})
    # Extra columns of the files are no part of the stream, and several files need not share them.
    select = compose(
        "SELECT {columns} FROM read_parquet({parts}, union_by_name = true) AS landed",
        columns=joined(
            compose("{value} AS {name}", value=replaced.get(name, identifier(name)), name=identifier(name))
            for name in columns
        ),
        parts=text_list(str(path) for path in extraction.part_paths),
    )
    if extraction.gone_path is None:
        return select
    return compose(
        "{select} ANTI JOIN read_parquet({gone}) AS gone ON gone._row = landed._row",
        select=select,
        gone=literal(str(extraction.gone_path)),
    )


def places(extraction: LandedFiles) -> Sql | None:
    """A SELECT of (_extraction_id, _row, place): the record's number in its file; None where that is `_row` itself."""
    if extraction.places_path is None:
        return None
    return compose(
        "SELECT {id} AS _extraction_id, _row, place FROM read_parquet({places})",
        id=literal(extraction.extraction_id),
        places=literal(str(extraction.places_path)),
    )
