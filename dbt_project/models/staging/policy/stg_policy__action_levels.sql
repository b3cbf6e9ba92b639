select
    segment_key,
    level
from {{ read_input(source('policy', 'action_levels')) }}
