with
summary as (
    select * from {{ ref('fct_nps_summary') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    summary.fiscal_quarter,
    summary.quarter_starts_on,
    summary.segment,
    summary.owner_name,
    summary.sent,
    summary.answered,
    summary.response_rate,
    summary.answers,
    summary.promoters,
    summary.passives,
    summary.detractors,
    summary.nps,
    summary.nps_low,
    summary.nps_high
from summary
cross join run
