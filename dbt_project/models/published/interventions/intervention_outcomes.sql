with
outcomes as (
    select * from {{ ref('fct_intervention_outcomes') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    outcomes.origin,
    outcomes.intervention_id,
    outcomes.account_id,
    outcomes.account_name,
    outcomes.owner_name,
    outcomes.csm_name,
    outcomes.geo,
    outcomes.region,
    outcomes.segment,
    outcomes.strategy,
    outcomes.opened_on,
    outcomes.closed_on,
    outcomes.outcome,
    outcomes.is_closed,
    outcomes.is_counted,
    outcomes.opening_score,
    outcomes.runs_recovered,
    outcomes.has_recovered,
    outcomes.recovered_on,
    outcomes.recovered_score,
    outcomes.recovery_days,
    outcomes.closed_score,
    outcomes.score_now,
    outcomes.score_gain
from outcomes
cross join run
