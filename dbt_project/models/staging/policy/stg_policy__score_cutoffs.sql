select
    segment_key,
    green_at_least,
    yellow_at_least,
    healthy_at_least,
    stable_at_least,
    at_risk_at_least
from {{ read_input(source('policy', 'score_cutoffs')) }}
