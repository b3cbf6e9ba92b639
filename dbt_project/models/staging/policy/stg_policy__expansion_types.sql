select
    type,
    type_rank,
    timing,
    description
from {{ read_input(source('policy', 'expansion_types')) }}
