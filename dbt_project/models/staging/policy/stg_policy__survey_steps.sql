select
    step,
    step_rank,
    answer_group,
    title,
    owner_role,
    due_hours,
    arr_above
from {{ read_input(source('policy', 'survey_steps')) }}
