select
    level,
    step,
    step_rank,
    phase,
    action,
    purpose,
    owner_role,
    audience,
    due_days,
    days_before_renewal,
    only_with
from {{ read_input(source('policy', 'retention_steps')) }}
