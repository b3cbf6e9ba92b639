with
metrics as (
    select * from {{ ref('fct_intervention_metrics') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    metrics.strategy,
    metrics.segment,
    metrics.fiscal_quarter,
    metrics.quarter_starts_on,
    metrics.interventions,
    metrics.accounts,
    metrics.recovered,
    metrics.not_recovered,
    metrics.under_way,
    metrics.success_rate,
    metrics.success_rate_from,
    metrics.success_rate_to,
    metrics.success_rate_target_low,
    metrics.success_rate_target_high,
    metrics.recovery_days,
    metrics.recovery_days_from,
    metrics.recovery_days_to,
    metrics.recovery_days_target_low,
    metrics.recovery_days_target_high,
    metrics.score_gains,
    metrics.score_gain,
    metrics.score_gain_from,
    metrics.score_gain_to,
    metrics.score_gain_target_low,
    metrics.score_gain_target_high,
    metrics.critical_alerts,
    metrics.critical_alerts_answered,
    metrics.response_hours,
    metrics.response_hours_from,
    metrics.response_hours_to,
    metrics.response_hours_target,
    metrics.baseline_accounts,
    metrics.baseline_success_rate
from metrics
cross join run
