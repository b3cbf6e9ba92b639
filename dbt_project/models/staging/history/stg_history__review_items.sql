select
    report,
    section,
    section_place,
    {{ adapter.quote('rank') }},
    account_id,
    text,
    figure,
    unit,
    made_on
from {{ read_input(source('history', 'review_items')) }}
