with
metrics as (
    select * from {{ ref('fct_success_metrics') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    metrics.name,
    metrics.title,
    metrics.{{ adapter.quote('rank') }},
    metrics.baseline,
    metrics.baseline_on,
    metrics.target,
    metrics.target_words,
    metrics.value,
    metrics.is_met,
    metrics.n,
    metrics.period,
    metrics.unit,
    metrics.reason
from metrics
cross join run
