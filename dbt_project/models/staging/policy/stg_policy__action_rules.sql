select
    rule,
    rule_rank,
    action,
    grain,
    condition,
    priority,
    raised_priority,
    raised_condition
from {{ read_input(source('policy', 'action_rules')) }}
