select
    signal_group,
    signal_type
from {{ read_input(source('policy', 'signal_groups')) }}
