select
    survey_type,
    type_rank
from {{ read_input(source('policy', 'survey_order')) }}
