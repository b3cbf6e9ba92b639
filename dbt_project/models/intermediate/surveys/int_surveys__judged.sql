with
surveys as (
    select * from {{ ref('stg_landing__survey_responses') }}
),

run as (
    select fiscal_year_start_month from {{ ref('stg_run__context') }}
),

settings as (
    select
        promoter_at_least,
        detractor_at_most
    from {{ ref('stg_policy__survey_settings') }}
)

select
    surveys.survey_id,
    surveys.account_id,
    surveys.survey_type,
    surveys.sent_on,
    surveys.responded_on,
    surveys.score,
    {{ fiscal_quarter_number('surveys.sent_on', 'run.fiscal_year_start_month') }} as sent_quarter,
    {{ fiscal_quarter_number('surveys.responded_on', 'run.fiscal_year_start_month') }} as responded_quarter,
    case
        when surveys.responded_on is null or surveys.score is null then null
        when surveys.score >= settings.promoter_at_least then 'promoter'
        when surveys.score <= settings.detractor_at_most then 'detractor'
        else 'passive'
    end as answer_group
from surveys
cross join run
cross join settings
