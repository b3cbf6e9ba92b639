select
    priority,
    priority_rank,
    potential_at_least,
    score_at_least
from {{ read_input(source('policy', 'expansion_priorities')) }}
