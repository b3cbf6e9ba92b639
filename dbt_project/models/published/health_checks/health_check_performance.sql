with
performance as (
    select * from {{ ref('fct_health_check_performance') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    performance.fiscal_quarter,
    performance.quarter_starts_on,
    performance.dimension,
    performance.value,
    cast(performance.targets_due as int) as targets_due,
    cast(performance.completed as int) as completed,
    cast(performance.completed_late as int) as completed_late,
    cast(performance.past_due as int) as past_due,
    cast(performance.missed as int) as missed,
    performance.completion_rate,
    performance.on_time_rate,
    performance.median_days_to_delivery,
    cast(performance.near_misses as int) as near_misses,
    cast(performance.influenced_pipeline as decimal(18, 2)) as influenced_pipeline,
    cast(performance.influenced_won as decimal(18, 2)) as influenced_won,
    cast(performance.influenced_pipeline_renewal as decimal(18, 2)) as influenced_pipeline_renewal,
    cast(performance.influenced_pipeline_expansion as decimal(18, 2)) as influenced_pipeline_expansion,
    cast(performance.influenced_won_renewal as decimal(18, 2)) as influenced_won_renewal,
    cast(performance.influenced_won_expansion as decimal(18, 2)) as influenced_won_expansion
from performance
cross join run
