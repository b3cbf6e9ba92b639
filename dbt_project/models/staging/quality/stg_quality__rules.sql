select
    rule,
    stream,
    severity,
    title,
    description,
    owner_role,
    expected
from {{ read_input(source('quality', 'rules')) }}
