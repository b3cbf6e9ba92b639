with
metrics as (
    select * from {{ ref('fct_retention_success_metrics') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    metrics.account_id,
    metrics.account_name,
    metrics.owner_name,
    metrics.csm_name,
    metrics.ae_name,
    metrics.geo,
    metrics.region,
    metrics.segment,
    metrics.metric,
    metrics.metric_rank,
    metrics.title,
    metrics.unit,
    metrics.value_now,
    metrics.target,
    metrics.due_on,
    metrics.acts_on_probability,
    metrics.reconstructed
from metrics
cross join run
