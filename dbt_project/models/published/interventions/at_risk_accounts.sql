with
accounts as (
    select * from {{ ref('fct_at_risk_accounts') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    accounts.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    accounts.{{ adapter.quote('rank') }},
    accounts.tier,
    accounts.status,
    accounts.final_status,
    accounts.score,
    accounts.change_week,
    accounts.change_month,
    accounts.score_trend,
    accounts.at_risk_since,
    accounts.weeks_at_risk,
    accounts.phase,
    accounts.phase_rank,
    accounts.phase_ends_on,
    accounts.fell_first,
    accounts.fell_first_on,
    accounts.fell_first_words,
    accounts.root_cause,
    accounts.pain_points,
    accounts.renewal_date,
    accounts.days_to_renewal,
    accounts.arr,
    accounts.acts_on_probability,
    accounts.expected_loss,
    accounts.save_probability,
    accounts.intervention_priority,
    accounts.strategy,
    accounts.intervention_opened_on,
    accounts.reconstructed
from accounts
cross join run
