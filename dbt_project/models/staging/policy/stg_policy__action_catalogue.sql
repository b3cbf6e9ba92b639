select
    action,
    title,
    kind,
    sensitivity,
    reaches_customer,
    touches_price,
    is_suppressed_by_blocker,
    mode_key,
    due_days
from {{ read_input(source('policy', 'action_catalogue')) }}
