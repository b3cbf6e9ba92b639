with
activities as (
    select * from {{ ref('stg_landing__activities') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

score as (
    select * from {{ ref('stg_policy__score_settings') }}
),

churn as (
    select engagement_decline_days from {{ ref('stg_policy__churn_settings') }}
),

windows as (
    select
        {{ window_starts_on('run.as_of_date', 'score.qbr_attendance_days') }} as qbr_attendance_from,
        {{ window_starts_on('run.as_of_date', 'score.email_response_hours_days') }} as email_response_hours_from,
        {{ window_starts_on('run.as_of_date', 'score.meeting_acceptance_days') }} as meeting_acceptance_from,
        {{ window_starts_on('run.as_of_date', 'score.tone_days') }} as tone_from,
        {{ window_starts_on('run.as_of_date', 'churn.engagement_decline_days') }} as now_from,
        {{ window_before_starts_on('run.as_of_date', 'churn.engagement_decline_days') }} as before_from
    from run
    cross join score
    cross join churn
),

-- Plans for later days are for the rules that ask for plans. A review that was planned says nothing of attendance.
seen as (
    select
        activities.account_id,
        activities.occurred_on,
        activities.sentiment,
        case when activities.type = 'qbr' and activities.status in ('completed', 'declined', 'no_show') then 1 end
            as is_qbr,
        case when activities.type = 'qbr' and activities.status = 'completed' then 1 end as is_completed_qbr,
        case when activities.type = 'email' then activities.response_hours end as response_hours,
        case when activities.type = 'meeting' then activities.accepted end as accepted
    from activities
    cross join run
    where activities.occurred_on <= run.as_of_date
)

select
    seen.account_id,
    cast(count(case when seen.occurred_on >= windows.qbr_attendance_from then seen.is_qbr end) as int)
        as qbr_attendance_qbrs,
    cast(count(case when seen.occurred_on >= windows.qbr_attendance_from then seen.is_completed_qbr end) as int)
        as qbr_attendance_completed,
    cast(count(case when seen.occurred_on >= windows.email_response_hours_from then seen.response_hours end) as int)
        as email_response_hours_emails,
    cast(
        sum(case when seen.occurred_on >= windows.email_response_hours_from then seen.response_hours end)
        as decimal(26, 6)
    ) as email_response_hours_sum,
    cast(count(case when seen.occurred_on >= windows.meeting_acceptance_from then seen.accepted end) as int)
        as meeting_acceptance_meetings,
    cast(count(case when seen.occurred_on >= windows.meeting_acceptance_from and seen.accepted then 1 end) as int)
        as meeting_acceptance_accepted,
    cast(count(case when seen.occurred_on >= windows.tone_from then seen.sentiment end) as int) as tone_activities,
    cast(sum(case when seen.occurred_on >= windows.tone_from then seen.sentiment end) as decimal(26, 6)) as tone_sum,
    cast(count(case when seen.occurred_on >= windows.now_from then seen.is_qbr end) as int) as qbrs_now,
    cast(count(case when seen.occurred_on >= windows.now_from then seen.is_completed_qbr end) as int)
        as qbrs_completed_now,
    cast(
        count(case
            when seen.occurred_on >= windows.before_from and seen.occurred_on < windows.now_from then seen.is_qbr
        end) as int
    ) as qbrs_before,
    cast(
        count(case
            when
                seen.occurred_on >= windows.before_from and seen.occurred_on < windows.now_from
                then seen.is_completed_qbr
        end) as int
    ) as qbrs_completed_before,
    cast(count(case when seen.occurred_on >= windows.now_from then seen.response_hours end) as int) as responses_now,
    cast(sum(case when seen.occurred_on >= windows.now_from then seen.response_hours end) as decimal(26, 6))
        as response_hours_now,
    cast(
        count(case
            when
                seen.occurred_on >= windows.before_from and seen.occurred_on < windows.now_from
                then seen.response_hours
        end) as int
    ) as responses_before,
    cast(
        sum(case
            when
                seen.occurred_on >= windows.before_from and seen.occurred_on < windows.now_from
                then seen.response_hours
        end) as decimal(26, 6)
    ) as response_hours_before
from seen
cross join windows
group by seen.account_id
