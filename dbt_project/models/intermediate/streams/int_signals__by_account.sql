with
signals as (
    select * from {{ ref('stg_landing__signals') }}
),

signal_groups as (
    select * from {{ ref('stg_policy__signal_groups') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

score as (
    select * from {{ ref('stg_policy__score_settings') }}
),

actions as (
    select complaint_days from {{ ref('stg_policy__action_settings') }}
),

windows as (
    select
        {{ window_starts_on('run.as_of_date', 'score.competitive_days') }} as competitive_from,
        {{ window_starts_on('run.as_of_date', 'score.budget_pressure_days') }} as budget_pressure_from,
        {{ window_starts_on('run.as_of_date', 'actions.complaint_days') }} as complaints_from
    from run
    cross join score
    cross join actions
),

grouped as (
    select
        signals.account_id,
        signals.observed_on,
        signals.severity,
        signals.resolved_on,
        signal_groups.signal_group
    from signals
    inner join signal_groups on signals.signal_type = signal_groups.signal_type
)

select
    grouped.account_id,
    cast(
        count(case
            when grouped.signal_group = 'competitive' and grouped.observed_on >= windows.competitive_from then 1
        end) as int
    ) as competitive_signals,
    cast(
        count(case
            when grouped.signal_group = 'budget_pressure' and grouped.observed_on >= windows.budget_pressure_from then 1
        end) as int
    ) as budget_pressure_signals,
    cast(
        count(case
            when grouped.signal_group = 'blocker' and grouped.resolved_on is null and grouped.severity = 'major' then 1
        end) as int
    ) as open_major_blockers,
    cast(
        count(case
            when grouped.signal_group = 'blocker' and grouped.resolved_on is null and grouped.severity = 'minor' then 1
        end) as int
    ) as open_minor_blockers,
    min(case when grouped.signal_group = 'blocker' and grouped.resolved_on is null then grouped.observed_on end)
        as blocked_since,
    cast(
        count(case
            when
                grouped.signal_group = 'executive_complaint'
                and grouped.resolved_on is null
                and grouped.observed_on >= windows.complaints_from
                then 1
        end) as int
    ) as open_executive_complaints
from grouped
cross join windows
group by grouped.account_id
