select
    name,
    baseline,
    baseline_on
from {{ read_input(source('history', 'success_metrics')) }}
