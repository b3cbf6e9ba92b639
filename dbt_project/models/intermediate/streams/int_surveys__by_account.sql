with
surveys as (
    select * from {{ ref('stg_landing__survey_responses') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select nps_days from {{ ref('stg_policy__score_settings') }}
),

answered as (
    select
        surveys.account_id,
        surveys.survey_id,
        surveys.responded_on,
        surveys.score,
        row_number() over (
            partition by surveys.account_id
            order by surveys.responded_on desc nulls last, surveys.survey_id desc nulls last
        ) as place
    from surveys
    cross join run
    cross join settings
    where
        surveys.score is not null
        and surveys.responded_on >= {{ window_starts_on('run.as_of_date', 'settings.nps_days') }}
)

select
    account_id,
    responded_on as nps_answered_on,
    score as nps
from answered
where place = 1
