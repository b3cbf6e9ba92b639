select
    label,
    points_from,
    points_to
from {{ read_input(source('policy', 'baseline_labels')) }}
