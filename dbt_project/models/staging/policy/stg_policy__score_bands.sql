select
    segment_key,
    measure,
    band_rank,
    value_from,
    value_to,
    band,
    points,
    next_points
from {{ read_input(source('policy', 'score_bands')) }}
