with
streams as (
    select * from {{ ref('stg_run__streams') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    streams.stream,
    streams.source,
    streams.cadence,
    streams.extraction_id,
    streams.last_success_at,
    streams.age_days,
    streams.max_age_days,
    streams.on_stale,
    streams.is_present,
    streams.is_stale,
    streams.is_omitted,
    streams.reconstructed,
    streams.rows_read,
    streams.rows_used,
    streams.rows_set_aside,
    streams.rows_after_as_of + streams.rows_deleted_at_source + streams.rows_summary_line + streams.rows_landed_before
        as rows_passed_over,
    streams.rows_after_as_of,
    streams.rows_deleted_at_source,
    streams.rows_summary_line,
    streams.rows_landed_before,
    streams.problem
from streams
cross join run
