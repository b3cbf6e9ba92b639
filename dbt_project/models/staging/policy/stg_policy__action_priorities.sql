select
    origin,
    variant,
    priority
from {{ read_input(source('policy', 'action_priorities')) }}
