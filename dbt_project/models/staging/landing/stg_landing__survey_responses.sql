with
used as (
    {{ usable_rows(
        'survey_responses',
        [
            'survey_id',
            'survey_type',
            'sent_on',
            'responded_on',
            'score'
        ]
    ) }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
)

select
    used.survey_id,
    used.account_id,
    used.survey_type,
    used.sent_on,
    case when used.responded_on <= run.as_of_date then used.responded_on end as responded_on,
    case when used.responded_on > run.as_of_date then null else used.score end as score
from used
cross join run
where used.sent_on <= run.as_of_date
