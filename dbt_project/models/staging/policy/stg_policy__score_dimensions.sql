select
    segment_key,
    dimension,
    dimension_rank,
    weight,
    max_points
from {{ read_input(source('policy', 'score_dimensions')) }}
