select role
from {{ read_input(source('policy', 'leadership_roles')) }}
