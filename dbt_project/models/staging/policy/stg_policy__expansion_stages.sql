select
    week,
    stage,
    work,
    reaches_customer,
    touches_price
from {{ read_input(source('policy', 'expansion_stages')) }}
