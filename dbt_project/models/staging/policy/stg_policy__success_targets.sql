select
    metric,
    metric_rank,
    title,
    unit,
    at_least,
    below,
    up_to
from {{ read_input(source('policy', 'success_targets')) }}
