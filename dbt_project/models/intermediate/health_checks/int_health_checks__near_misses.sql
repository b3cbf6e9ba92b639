with
windows as (
    select * from {{ ref('int_health_checks__windows') }}
),

completions as (
    select target_id from {{ ref('int_health_checks__completions') }}
),

rules as (
    select scope_id, near_miss_days from {{ ref('stg_policy__health_check_rules') }}
),

logged as (
    select * from {{ ref('int_health_checks__logged') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

open_targets as (
    select
        windows.target_id,
        windows.account_id,
        windows.window_opens_on,
        windows.expires_on,
        windows.scope_id,
        {{ add_days('windows.window_opens_on', '-rules.near_miss_days') }} as looked_at_from,
        {{ add_days('windows.expires_on', 'rules.near_miss_days') }} as looked_at_to
    from windows
    inner join rules on windows.scope_id = rules.scope_id
    left join completions on windows.target_id = completions.target_id
    where completions.target_id is null
),

compared as (
    select
        open_targets.target_id,
        open_targets.window_opens_on,
        open_targets.expires_on,
        logged.activity_id,
        logged.owner_name,
        logged.occurred_at,
        logged.occurred_on,
        logged.status,
        logged.is_evidenced,
        logged.is_held,
        logged.occurred_on >= open_targets.window_opens_on
        and logged.occurred_on <= open_targets.expires_on as is_in_span
    from open_targets
    inner join logged
        on
            open_targets.account_id = logged.account_id
            and open_targets.scope_id = logged.scope_id
            and logged.occurred_on >= open_targets.looked_at_from
            and logged.occurred_on <= open_targets.looked_at_to
),

-- A near miss fails on exactly one of the three: evidence, status, date.
missed_by_one as (
    select
        *,
        case
            when is_in_span and is_held and not is_evidenced then 1
            when is_in_span and is_evidenced and not is_held then 2
            when not is_in_span and is_evidenced and is_held then 3
        end as missing_thing
    from compared
),

ranked as (
    select
        *,
        row_number() over (partition by target_id order by missing_thing, occurred_at desc, activity_id desc) as place
    from missed_by_one
    where missing_thing is not null
)

select
    ranked.target_id,
    ranked.activity_id,
    'logged ' || {{ date_words_beside('ranked.occurred_on', 'run.as_of_date') }} || ' by ' || ranked.owner_name
    || case
        when ranked.missing_thing = 1 then ' without an attachment'
        when ranked.missing_thing = 2 then ', but marked ' || replace(ranked.status, '_', ' ')
        when ranked.occurred_on < ranked.window_opens_on
            then
                ', ' || {{ days_words(days_between('ranked.occurred_on', 'ranked.window_opens_on')) }}
                || ' before the window opened'
        else
            ', ' || {{ days_words(days_between('ranked.expires_on', 'ranked.occurred_on')) }}
            || ' after the target expired'
    end as near_miss
from ranked
cross join run
where ranked.place = 1
