select
    phase,
    phase_rank,
    from_week,
    to_week
from {{ read_input(source('policy', 'risk_phases')) }}
