select
    decision,
    decision_rank,
    title,
    final_status,
    arr_above,
    signal_group,
    within_days,
    decision_maker,
    urgency,
    due_days
from {{ read_input(source('policy', 'executive_rules')) }}
