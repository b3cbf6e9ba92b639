select
    as_of_date,
    account_id,
    type,
    is_primary,
    qualified,
    plan_limit,
    approaching_limit,
    seat_growth,
    feature_requests,
    high_health,
    no_billing_issue,
    responsive
from {{ read_input(source('history', 'expansion_pipeline')) }}
