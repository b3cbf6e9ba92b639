select
    level,
    step,
    step_rank,
    phase,
    action,
    purpose,
    owner_role,
    audience,
    reaches_customer,
    touches_price,
    due_days,
    days_before_renewal,
    only_with
from {{ read_input(source('policy', 'retention_steps')) }}
