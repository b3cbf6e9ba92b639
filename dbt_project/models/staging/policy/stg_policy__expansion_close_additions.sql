select
    kind,
    value_from,
    value_to,
    addition
from {{ read_input(source('policy', 'expansion_close_additions')) }}
