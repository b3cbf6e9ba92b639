select
    dashboard_listed,
    flat_below_pct,
    reviews_listed,
    week_days,
    held_months,
    year_days,
    csat_days,
    satisfied_at_least,
    renewal_quarters,
    intervention_cost
from {{ read_input(source('policy', 'report_settings')) }}
