select
    mode_key,
    segment_key,
    level,
    mode_by_level,
    mode_by_matrix
from {{ read_input(source('policy', 'action_modes')) }}
