with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

decisions as (
    select * from {{ ref('fct_executive_decisions') }}
),

expansions as (
    select * from {{ ref('fct_expansion_pipeline') }}
),

-- The last is of expansions whose potential isn't known.
priorities as (
    select
        priority,
        priority_rank,
        'of priority ' || priority as words
    from {{ ref('stg_policy__expansion_priorities') }}
    union all
    select
        'none' as priority,
        max(priority_rank) + 1 as priority_rank,
        'without a priority' as words
    from {{ ref('stg_policy__expansion_priorities') }}
),

run as (
    select reporting_currency as currency from {{ ref('stg_run__context') }}
),

statuses as (
    select 1 as place, 'RED' as status, 'RED accounts' as words
    union all
    select 2 as place, 'YELLOW' as status, 'YELLOW accounts' as words
    union all
    select 3 as place, 'GREEN' as status, 'GREEN accounts' as words
    union all
    select 4 as place, 'none' as status, 'accounts without a score' as words
),

urgencies as (
    select 1 as place, 'this_week' as urgency, 'this week' as words
    union all
    select 2 as place, 'next_30_days' as urgency, 'later' as words
),

scored as (
    select
        count(*) as accounts,
        coalesce(sum(arr), 0) as arr,
        {{ divide_exact('sum(score)', 'count(score)', places=1, input_places=1) }} as mean_score,
        count(case when tier in ('at_risk', 'critical') then 1 end) as at_risk_accounts,
        coalesce(sum(case when tier in ('at_risk', 'critical') then arr end), 0) as at_risk_arr
    from health
),

by_status as (
    select
        coalesce(status, 'none') as status,
        count(*) as accounts,
        sum(arr) as arr
    from health
    group by coalesce(status, 'none')
),

losses as (
    select coalesce(sum(expected_loss), 0) as expected_loss
    from churn
),

by_urgency as (
    select
        urgency,
        count(*) as decisions
    from decisions
    group by urgency
),

by_priority as (
    select
        coalesce(priority, 'none') as priority,
        count(*) as expansions,
        coalesce(sum(expected_arr), 0) as expected_arr
    from expansions
    group by coalesce(priority, 'none')
),

expanding as (
    select coalesce(sum(expected_arr), 0) as expected_arr
    from expansions
),

figures as (
    select
        'status' as section,
        statuses.status as item,
        'accounts' as unit,
        statuses.place,
        upper(substr(statuses.words, 1, 1)) || substr(statuses.words, 2) as label,
        cast(coalesce(by_status.accounts, 0) as decimal(18, 2)) as figure
    from statuses
    left join by_status on statuses.status = by_status.status
    union all
    select
        'status' as section,
        statuses.status as item,
        run.currency as unit,
        statuses.place,
        'ARR of ' || statuses.words as label,
        cast(coalesce(by_status.arr, 0) as decimal(18, 2)) as figure
    from statuses
    cross join run
    left join by_status on statuses.status = by_status.status
    union all
    select
        'decisions' as section,
        urgencies.urgency as item,
        'decisions' as unit,
        urgencies.place,
        'Decisions due ' || urgencies.words as label,
        cast(coalesce(by_urgency.decisions, 0) as decimal(18, 2)) as figure
    from urgencies
    left join by_urgency on urgencies.urgency = by_urgency.urgency
    union all
    select
        'expansion' as section,
        priorities.priority as item,
        'expansions' as unit,
        priorities.priority_rank as place,
        'Expansions ' || priorities.words as label,
        cast(coalesce(by_priority.expansions, 0) as decimal(18, 2)) as figure
    from priorities
    left join by_priority on priorities.priority = by_priority.priority
    union all
    select
        'expansion' as section,
        priorities.priority as item,
        run.currency as unit,
        priorities.priority_rank as place,
        'ARR expected of expansions ' || priorities.words as label,
        cast(coalesce(by_priority.expected_arr, 0) as decimal(18, 2)) as figure
    from priorities
    cross join run
    left join by_priority on priorities.priority = by_priority.priority
    union all
    select
        'trend' as section,
        'accounts' as item,
        'accounts' as unit,
        1 as place,
        'Accounts scored' as label,
        cast(accounts as decimal(18, 2)) as figure
    from scored
    union all
    select
        'trend' as section,
        'arr' as item,
        run.currency as unit,
        2 as place,
        'ARR' as label,
        cast(scored.arr as decimal(18, 2)) as figure
    from scored
    cross join run
    union all
    select
        'trend' as section,
        'mean_score' as item,
        'points' as unit,
        3 as place,
        'Mean score' as label,
        cast(mean_score as decimal(18, 2)) as figure
    from scored
    union all
    select
        'trend' as section,
        'at_risk_accounts' as item,
        'accounts' as unit,
        4 as place,
        'Accounts at risk or critical' as label,
        cast(at_risk_accounts as decimal(18, 2)) as figure
    from scored
    union all
    select
        'trend' as section,
        'at_risk_arr' as item,
        run.currency as unit,
        5 as place,
        'ARR at risk or critical' as label,
        cast(scored.at_risk_arr as decimal(18, 2)) as figure
    from scored
    cross join run
    union all
    select
        'trend' as section,
        'expected_loss' as item,
        run.currency as unit,
        6 as place,
        'ARR expected to be lost' as label,
        cast(losses.expected_loss as decimal(18, 2)) as figure
    from losses
    cross join run
    union all
    select
        'trend' as section,
        'expansion_arr' as item,
        run.currency as unit,
        7 as place,
        'ARR expected from expansions' as label,
        cast(expanding.expected_arr as decimal(18, 2)) as figure
    from expanding
    cross join run
)

select
    section,
    item,
    unit,
    cast(place as int) as place,
    label,
    figure
from figures
