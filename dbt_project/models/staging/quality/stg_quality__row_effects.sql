select
    stream,
    source,
    landed_row,
    effect,
    column_name
from {{ read_input(source('quality', 'row_effects')) }}
