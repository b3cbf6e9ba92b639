select
    alert,
    alert_rank,
    title,
    to_roles,
    to_role,
    escalates_to,
    at_once,
    acknowledge_hours,
    assess_hours,
    plan_hours,
    execute_hours,
    follow_up_hours
from {{ read_input(source('policy', 'alert_kinds')) }}
