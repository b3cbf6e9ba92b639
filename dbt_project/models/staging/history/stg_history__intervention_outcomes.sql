select
    origin,
    intervention_id,
    account_id,
    opened_on,
    opening_score,
    runs_recovered,
    recovered_on,
    recovered_score,
    closed_score
from {{ read_input(source('history', 'intervention_outcomes')) }}
