select
    segment_key,
    dimension,
    dimension_rank,
    measure,
    measure_rank,
    stream,
    max_points,
    unit,
    label,
    value_decimals
from {{ read_input(source('policy', 'score_measures')) }}
