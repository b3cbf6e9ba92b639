select
    scope_id,
    segment,
    product,
    specificity,
    require_attachment,
    horizon_quarters,
    influence_days,
    prepare_days_before_due,
    near_miss_days
from {{ read_input(source('policy', 'health_check_rules')) }}
