select
    fell_points,
    recovered_at_least,
    recovered_runs,
    opening_within_days,
    gap_days,
    kept_days,
    z,
    success_rate_low,
    success_rate_high,
    recovery_days_low,
    recovery_days_high,
    score_gain_low,
    score_gain_high,
    response_hours_below
from {{ read_input(source('policy', 'intervention_settings')) }}
