"""Publishing: what readers get, changed all at once or not at all. No Dagster here, and no warehouse either.

`snapshot` writes an immutable folder of Parquet files and points `CURRENT` at it; `bi_file` and `postgres` carry that
folder on to a DuckDB file and to PostgreSQL; `reader` is how the portal and the command line read it; `retention`
removes old folders that nobody reads. What the tables hold is the business of dbt, whether they are good that of
`quality`.
"""
