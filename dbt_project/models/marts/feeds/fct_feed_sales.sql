with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

expansions as (
    select * from {{ ref('fct_expansion_pipeline') }}
    where is_primary
),

run as (
    select
        as_of_date,
        fiscal_year_start_month
    from {{ ref('stg_run__context') }}
),

-- As in the forecast: the account's whole ARR renews with its renewal date, and without a score no loss is expected.
renewing as (
    select
        health.account_id,
        {{ fiscal_quarter_number('health.renewal_date', 'run.fiscal_year_start_month') }} as renewal_quarter,
        coalesce(churn.expected_loss, 0) as expected_churned_arr
    from health
    cross join run
    left join churn on health.account_id = churn.account_id
    where health.renewal_date is not null
)

select
    health.account_id,
    health.account_name,
    health.owner_name,
    health.csm_name,
    health.ae_name,
    health.geo,
    health.region,
    health.segment,
    health.score,
    health.status,
    health.final_status,
    health.tier,
    health.confidence,
    health.change_week,
    health.change_month,
    coalesce(health.tier in ('at_risk', 'critical'), false) as is_at_risk,
    health.newly_at_risk,
    churn.acts_on_probability as churn_probability,
    churn.probability_reason as churn_reason,
    health.arr,
    health.renewal_date,
    health.days_to_renewal,
    {{ fiscal_quarter_name('renewing.renewal_quarter', 'run.fiscal_year_start_month') }} as renewal_quarter,
    cast(renewing.expected_churned_arr as decimal(18, 2)) as expected_churned_arr,
    cast(health.arr - renewing.expected_churned_arr as decimal(18, 2)) as expected_retained_arr,
    expansions.type as expansion_type,
    coalesce(expansions.qualified, false) as is_handed_off,
    expansions.priority as expansion_priority,
    expansions.potential_arr as expansion_potential_arr,
    expansions.expected_arr as expansion_expected_arr,
    expansions.close_probability as expansion_close_probability,
    expansions.timing as expansion_timing,
    expansions.justification as expansion_justification,
    expansions.verified_by as expansion_verified_by,
    health.summary,
    health.reconstructed
from health
cross join run
left join churn on health.account_id = churn.account_id
left join renewing on health.account_id = renewing.account_id
left join expansions on health.account_id = expansions.account_id
