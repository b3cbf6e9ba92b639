with
usage as (
    select * from {{ ref('stg_landing__usage') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

score as (
    select * from {{ ref('stg_policy__score_settings') }}
),

churn as (
    select
        engagement_decline_days,
        uptime_drop_days
    from {{ ref('stg_policy__churn_settings') }}
),

alerts as (
    select silent_days from {{ ref('stg_policy__alert_settings') }}
),

actions as (
    select login_days from {{ ref('stg_policy__action_settings') }}
),

windows as (
    select
        {{ window_starts_on('run.as_of_date', 'score.portal_logins_days') }} as portal_logins_from,
        {{ window_starts_on('run.as_of_date', 'score.capacity_utilisation_days') }} as capacity_from,
        {{ window_starts_on('run.as_of_date', 'score.uptime_vs_sla_days') }} as uptime_from,
        {{ window_starts_on('run.as_of_date', 'score.service_adoption_days') }} as services_from,
        {{ window_starts_on('run.as_of_date', 'score.usage_trend_days') }} as users_from,
        {{ window_before_starts_on('run.as_of_date', 'score.usage_trend_days') }} as users_before_from,
        {{ window_starts_on('run.as_of_date', 'churn.engagement_decline_days') }} as logins_from,
        {{ window_before_starts_on('run.as_of_date', 'churn.engagement_decline_days') }} as logins_before_from,
        {{ window_starts_on('run.as_of_date', 'churn.uptime_drop_days') }} as drop_from,
        {{ window_before_starts_on('run.as_of_date', 'churn.uptime_drop_days') }} as drop_before_from,
        {{ window_starts_on('run.as_of_date', 'alerts.silent_days') }} as silence_from,
        {{ window_starts_on('run.as_of_date', 'actions.login_days') }} as recent_logins_from
    from run
    cross join score
    cross join churn
    cross join alerts
    cross join actions
),

by_account as (
    select
        usage.account_id,
        cast(count(case when usage.usage_date >= windows.portal_logins_from then usage.logins end) as int)
            as portal_logins_rows,
        cast(sum(case when usage.usage_date >= windows.portal_logins_from then usage.logins end) as decimal(26, 6))
            as portal_logins_sum,
        cast(count(case when usage.usage_date >= windows.capacity_from then usage.capacity_used_pct end) as int)
            as capacity_rows,
        cast(
            sum(case when usage.usage_date >= windows.capacity_from then usage.capacity_used_pct end)
            as decimal(26, 6)
        ) as capacity_sum,
        cast(count(case when usage.usage_date >= windows.uptime_from then usage.uptime_pct end) as int) as uptime_rows,
        cast(sum(case when usage.usage_date >= windows.uptime_from then usage.uptime_pct end) as decimal(26, 6))
            as uptime_sum,
        cast(count(case when usage.usage_date >= windows.users_from then usage.active_users end) as int) as users_rows,
        cast(sum(case when usage.usage_date >= windows.users_from then usage.active_users end) as decimal(22, 6))
            as users_sum,
        cast(
            count(case
                when
                    usage.usage_date >= windows.users_before_from and usage.usage_date < windows.users_from
                    then usage.active_users
            end) as int
        ) as users_before_rows,
        cast(
            sum(case
                when
                    usage.usage_date >= windows.users_before_from and usage.usage_date < windows.users_from
                    then usage.active_users
            end) as decimal(22, 6)
        ) as users_before_sum,
        cast(sum(case when usage.usage_date >= windows.logins_from then usage.logins end) as decimal(26, 6))
            as logins_now,
        cast(
            sum(case
                when
                    usage.usage_date >= windows.logins_before_from and usage.usage_date < windows.logins_from
                    then usage.logins
            end) as decimal(26, 6)
        ) as logins_before,
        cast(count(case when usage.usage_date >= windows.drop_from then usage.uptime_pct end) as int)
            as uptime_rows_now,
        cast(sum(case when usage.usage_date >= windows.drop_from then usage.uptime_pct end) as decimal(26, 6))
            as uptime_now,
        cast(
            count(case
                when
                    usage.usage_date >= windows.drop_before_from and usage.usage_date < windows.drop_from
                    then usage.uptime_pct
            end) as int
        ) as uptime_rows_before,
        cast(
            sum(case
                when
                    usage.usage_date >= windows.drop_before_from and usage.usage_date < windows.drop_from
                    then usage.uptime_pct
            end) as decimal(26, 6)
        ) as uptime_before,
        cast(count(case when usage.usage_date >= windows.silence_from then 1 end) as int) as silence_rows,
        cast(
            count(case
                when usage.usage_date >= windows.silence_from then coalesce(usage.logins, usage.active_users)
            end) as int
        ) as silence_rows_that_say,
        cast(
            count(case
                when usage.usage_date >= windows.silence_from and (usage.logins > 0 or usage.active_users > 0) then 1
            end) as int
        ) as silence_rows_in_use,
        cast(count(case when usage.usage_date >= windows.recent_logins_from then 1 end) as int) as recent_rows,
        cast(sum(case when usage.usage_date >= windows.recent_logins_from then usage.logins end) as decimal(26, 6))
            as recent_logins,
        max(case when usage.usage_date >= windows.services_from then usage.usage_date end) as latest_usage_on,
        max(case when usage.logins > 0 then usage.usage_date end) as last_login_on
    from usage
    cross join windows
    group by usage.account_id
)

select
    by_account.*,
    latest.services_used as latest_services_used,
    latest.services_contracted as latest_services_contracted,
    latest.active_users as latest_active_users,
    latest.seats as latest_seats
from by_account
left join usage as latest
    on by_account.account_id = latest.account_id and by_account.latest_usage_on = latest.usage_date
