select
    scope_id,
    milestone,
    anchor,
    offset_days,
    opens_days_before,
    closes_days_after,
    minimum_term_days
from {{ read_input(source('policy', 'health_check_milestones')) }}
where is_enabled
