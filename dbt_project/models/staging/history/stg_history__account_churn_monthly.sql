select
    as_of_date,
    account_id,
    score,
    status,
    churn_probability,
    churn_probability_calibrated,
    days_to_renewal,
    leadership_change,
    budget_pressure,
    competitive_inquiry,
    recent_outage,
    engagement_decline,
    reconstructed
from {{ read_input(source('history', 'account_churn_monthly')) }}
