with
streams as (
    select * from {{ ref('stg_run__streams') }}
)

select
    stream,
    source,
    extraction_id,
    is_present and not is_omitted as is_known,
    is_stale,
    reconstructed,
    age_days,
    max_age_days,
    case
        when not is_present and problem is not null then {{ name_words('stream') }} || ' could not be used'
        when not is_present then {{ name_words('stream') }} || ' never read'
        when is_stale
            then
                {{ name_words('stream') }} || ' read ' || {{ days_words('age_days') }} || ' ago, limit '
                || {{ days_words('max_age_days') }}
    end as gap_words
from streams
