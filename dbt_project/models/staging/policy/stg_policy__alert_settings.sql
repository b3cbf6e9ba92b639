select
    first_run_new_days,
    clears_after_days,
    kept_days,
    silent_days,
    score_below,
    answer_at_most,
    answer_holds_days,
    fall_above
from {{ read_input(source('policy', 'alert_settings')) }}
