with
measures as (
    select * from {{ ref('fct_account_health_measures') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    measures.account_id,
    measures.measure,
    measures.dimension,
    cast(measures.value as decimal(24, 6)) as value,
    measures.band,
    cast(measures.points as decimal(9, 2)) as points,
    cast(measures.max_points as decimal(9, 2)) as max_points,
    measures.is_present,
    measures.missing_reason,
    measures.source,
    cast(measures.source_records as int) as source_records,
    cast(measures.next_band_gain as decimal(5, 1)) as next_band_gain,
    cast(measures.measure_rank as int) as measure_rank,
    measures.label,
    measures.unit
from measures
cross join run
