select
    scope_id,
    pattern
from {{ read_input(source('policy', 'health_check_subject_patterns')) }}
