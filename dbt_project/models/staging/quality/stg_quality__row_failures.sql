select
    rule,
    stream,
    extraction_id,
    {{ adapter.quote('row') }} as row_number_in_extraction,
    record_key,
    account_id,
    column_name,
    actual,
    expected,
    sentence,
    suggestion,
    effect
from {{ read_input(source('quality', 'row_failures')) }}
