with
surveys as (
    select * from {{ ref('int_surveys__judged') }}
),

accounts as (
    select
        account_id,
        coalesce(segment, '(none)') as segment,
        coalesce(owner_name, '(none)') as owner_name
    from {{ ref('int_accounts__profiled') }}
),

run as (
    select fiscal_year_start_month from {{ ref('stg_run__context') }}
),

settings as (
    select cast(z as double) as z from {{ ref('stg_policy__survey_settings') }}
),

sent as (
    select
        surveys.sent_quarter as quarter_number,
        accounts.segment,
        accounts.owner_name,
        count(*) as sent,
        count(surveys.responded_on) as answered
    from surveys
    inner join accounts on surveys.account_id = accounts.account_id
    group by surveys.sent_quarter, accounts.segment, accounts.owner_name
),

answers as (
    select
        surveys.responded_quarter as quarter_number,
        accounts.segment,
        accounts.owner_name,
        count(*) as answers,
        count(case when surveys.answer_group = 'promoter' then 1 end) as promoters,
        count(case when surveys.answer_group = 'passive' then 1 end) as passives,
        count(case when surveys.answer_group = 'detractor' then 1 end) as detractors
    from surveys
    inner join accounts on surveys.account_id = accounts.account_id
    where surveys.answer_group is not null
    group by surveys.responded_quarter, accounts.segment, accounts.owner_name
),

cells as (
    select quarter_number, segment, owner_name from sent
    union
    select quarter_number, segment, owner_name from answers
),

counted as (
    select
        cells.quarter_number,
        cells.segment,
        cells.owner_name,
        coalesce(sent.sent, 0) as sent,
        coalesce(sent.answered, 0) as answered,
        coalesce(answers.answers, 0) as answers,
        coalesce(answers.promoters, 0) as promoters,
        coalesce(answers.passives, 0) as passives,
        coalesce(answers.detractors, 0) as detractors
    from cells
    left join sent
        on
            cells.quarter_number = sent.quarter_number
            and cells.segment = sent.segment
            and cells.owner_name = sent.owner_name
    left join answers
        on
            cells.quarter_number = answers.quarter_number
            and cells.segment = answers.segment
            and cells.owner_name = answers.owner_name
),

-- An answer is worth 1, 0 or -1; the interval is the one of their mean.
spread as (
    select
        counted.*,
        {{ divide_exact(
            '100 * (counted.promoters - counted.detractors)', 'counted.answers', places=6, input_places=0
        ) }} as nps,
        100 * settings.z * sqrt(
            cast(
                counted.answers * (counted.promoters + counted.detractors)
                - (counted.promoters - counted.detractors) * (counted.promoters - counted.detractors)
                as double
            )
            / nullif(cast(counted.answers * counted.answers * counted.answers as double), 0)
        ) as half_width
    from counted
    cross join settings
)

select
    {{ fiscal_quarter_name('spread.quarter_number', 'run.fiscal_year_start_month') }} as fiscal_quarter,
    {{ fiscal_quarter_starts_on('spread.quarter_number', 'run.fiscal_year_start_month') }} as quarter_starts_on,
    spread.segment,
    spread.owner_name,
    cast(spread.sent as int) as sent,
    cast(spread.answered as int) as answered,
    {{ percentage('spread.answered', 'spread.sent') }} as response_rate,
    cast(spread.answers as int) as answers,
    cast(spread.promoters as int) as promoters,
    cast(spread.passives as int) as passives,
    cast(spread.detractors as int) as detractors,
    cast(spread.nps as decimal(9, 6)) as nps,
    case
        when spread.answers > 0
            then {{ reported('greatest(cast(spread.nps as double) - spread.half_width, -100)') }}
    end as nps_low,
    case
        when spread.answers > 0
            then {{ reported('least(cast(spread.nps as double) + spread.half_width, 100)') }}
    end as nps_high
from spread
cross join run
