select
    owner_key,
    role_1,
    field_1,
    role_2,
    field_2,
    role_3,
    field_3
from {{ read_input(source('policy', 'action_owners')) }}
