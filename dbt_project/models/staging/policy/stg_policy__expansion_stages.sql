select
    week,
    stage,
    work
from {{ read_input(source('policy', 'expansion_stages')) }}
