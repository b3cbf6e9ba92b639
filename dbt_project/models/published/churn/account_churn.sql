with
churn as (
    select * from {{ ref('fct_account_churn') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    churn.account_id,
    churn.account_name,
    churn.owner_name,
    churn.csm_name,
    churn.ae_name,
    churn.geo,
    churn.region,
    churn.segment,
    churn.score,
    churn.status,
    churn.final_status,
    churn.final_status_from,
    churn.confidence,
    churn.renewal_date,
    churn.days_to_renewal,
    churn.churn_probability,
    churn.base,
    churn.renewal_addition,
    churn.leadership_change,
    churn.leadership_change_addition,
    churn.leadership_change_evidence,
    churn.budget_pressure,
    churn.budget_pressure_addition,
    churn.budget_pressure_evidence,
    churn.competitive_inquiry,
    churn.competitive_inquiry_addition,
    churn.competitive_inquiry_evidence,
    churn.recent_outage,
    churn.recent_outage_addition,
    churn.recent_outage_evidence,
    churn.engagement_decline,
    churn.engagement_decline_addition,
    churn.engagement_decline_evidence,
    churn.probability_reason,
    churn.churn_probability_calibrated,
    churn.calibration_reason,
    churn.acts_on_probability,
    churn.arr,
    churn.three_year_value,
    churn.expected_loss,
    churn.lifetime_value,
    churn.save_probability,
    churn.intervention_priority,
    churn.change_month,
    churn.outreach_due_on,
    churn.outreach_reason,
    churn.reconstructed
from churn
cross join run
