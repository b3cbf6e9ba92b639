select
    account_name,
    account_id,
    method
from {{ read_input(source('matching', 'account_matches')) }}
