select
    requests_days,
    beta_score_above,
    beta_growing_at_least_pct,
    overdue_after_days,
    trend_days,
    promoter_at_least,
    tenure_at_least_years
from {{ read_input(source('policy', 'feed_settings')) }}
