select
    origin,
    action,
    title,
    kind,
    reaches_customer,
    touches_price
from {{ read_input(source('policy', 'action_origins')) }}
