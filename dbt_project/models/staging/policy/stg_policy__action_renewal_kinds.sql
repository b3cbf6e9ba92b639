select
    kind
from {{ read_input(source('policy', 'action_renewal_kinds')) }}
