select
    field,
    field_rank,
    value_from,
    value_to,
    band,
    points
from {{ read_input(source('policy', 'baseline_bands')) }}
