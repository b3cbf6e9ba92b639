{% set steps = {
    'acknowledge': 'acknowledged_at',
    'assess': 'assessed_at',
    'plan': 'planned_at',
    'execute': 'executed_at',
    'follow_up': 'followed_up_at',
} %}

with
conditions as (
    select * from {{ ref('fct_alert_conditions') }}
),

earlier as (
    select * from {{ ref('stg_history__alerts') }}
),

done as (
    select * from {{ ref('int_alerts__steps_done') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

kinds as (
    select * from {{ ref('stg_policy__alert_kinds') }}
),

settings as (
    select * from {{ ref('stg_policy__alert_settings') }}
),

run as (
    select
        as_of_date,
        time_zone
    from {{ ref('stg_run__context') }}
),

-- Alerts that had not cleared: a condition that comes back within the quiet days goes on with its alert.
standing as (
    select
        earlier.alert_id,
        earlier.alert,
        earlier.account_id,
        earlier.subject,
        coalesce(conditions.dated_on, earlier.dated_on) as dated_on,
        coalesce(conditions.value, earlier.value) as value,
        coalesce(conditions.evidence, earlier.evidence) as evidence,
        earlier.raised_on,
        conditions.alert is not null as is_true,
        case
            when conditions.alert is null then coalesce(earlier.false_since, run.as_of_date) else earlier.false_since
        end as false_since
    from earlier
    cross join run
    left join conditions
        on
            earlier.alert = conditions.alert
            and earlier.account_id = conditions.account_id
            and earlier.subject = conditions.subject
    where earlier.cleared_on is null
),

judged as (
    select
        standing.*,
        coalesce(
            {{ days_between('standing.false_since', 'run.as_of_date') }} >= settings.clears_after_days, false
        ) as has_cleared
    from standing
    cross join run
    cross join settings
),

gone_on as (
    select
        alert_id,
        alert,
        account_id,
        subject,
        dated_on,
        value,
        evidence,
        raised_on,
        is_true and not has_cleared as is_true,
        case when has_cleared or not is_true then false_since end as false_since,
        case when has_cleared then false_since end as cleared_on
    from judged
),

uncleared as (
    select
        alert,
        account_id,
        subject
    from gone_on
    where cleared_on is null
),

raised as (
    select
        {{ text_key(['conditions.alert', 'conditions.account_id', 'conditions.subject', 'run.as_of_date']) }}
            as alert_id,
        conditions.alert,
        conditions.account_id,
        conditions.subject,
        conditions.dated_on,
        conditions.value,
        conditions.evidence,
        run.as_of_date as raised_on,
        true as is_true,
        cast(null as date) as false_since,
        cast(null as date) as cleared_on
    from conditions
    cross join run
    -- As a left join without a match, DuckDB 2.0 may forget the condition of uncleared.
    where
        conditions.is_new
        and not exists (
            select 1
            from uncleared
            where
                uncleared.alert = conditions.alert
                and uncleared.account_id = conditions.account_id
                and uncleared.subject = conditions.subject
        )
),

kept as (
    select
        earlier.alert_id,
        earlier.alert,
        earlier.account_id,
        earlier.subject,
        earlier.dated_on,
        earlier.value,
        earlier.evidence,
        earlier.raised_on,
        false as is_true,
        earlier.false_since,
        earlier.cleared_on
    from earlier
    cross join run
    cross join settings
    where {{ days_between('earlier.cleared_on', 'run.as_of_date') }} <= settings.kept_days
),

episodes as (
    select * from gone_on
    union all
    select * from raised
    union all
    select * from kept
),

timed as (
    select
        episodes.*,
        coalesce(done.raised_at, {{ day_starts_at(add_days('episodes.raised_on', 1), 'run.time_zone') }}) as raised_at,
        {%- for done_at in steps.values() %}
            done.{{ done_at }},
        {%- endfor %}
        done.acknowledged_by,
        done.escalated_at,
        done.escalated_to,
        done.closed_at,
        -- What counts as over is told of the end of as_of; a clock stops when its alert is closed or has cleared.
        least(
            {{ day_starts_at(add_days('run.as_of_date', 1), 'run.time_zone') }},
            coalesce(done.closed_at, {{ day_starts_at(add_days('run.as_of_date', 1), 'run.time_zone') }}),
            {{ day_starts_at(
                add_days(
                    'coalesce(' ~ add_days('episodes.cleared_on', 'settings.clears_after_days') ~ ', run.as_of_date)', 1
                ),
                'run.time_zone'
            ) }}
        ) as clock_until
    from episodes
    cross join run
    cross join settings
    left join done on episodes.alert_id = done.alert_id
),

due as (
    select
        timed.*,
        {%- for step in steps %}
            {{ add_hours('timed.raised_at', 'kinds.' ~ step ~ '_hours') }} as {{ step }}_due_at,
        {%- endfor %}
        kinds.alert_rank,
        kinds.title,
        kinds.to_roles,
        kinds.to_role,
        kinds.escalates_to,
        kinds.at_once
    from timed
    inner join kinds on timed.alert = kinds.alert
),

held_against as (
    select
        due.*,
        {%- for step, done_at in steps.items() %}
            coalesce(due.{{ done_at }}, due.clock_until) > due.{{ step }}_due_at as {{ step }}_breached,
        {%- endfor %}
        case
            when due.closed_at is not null then 'closed'
            when due.cleared_on is not null then 'cleared'
            when due.executed_at is not null then 'executed'
            when due.planned_at is not null then 'planned'
            when due.assessed_at is not null then 'assessed'
            when due.acknowledged_at is not null then 'acknowledged'
            else 'open'
        end as state
    from due
)

select
    held_against.alert_id,
    held_against.alert,
    held_against.alert_rank,
    held_against.title,
    held_against.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    held_against.subject,
    case held_against.alert
        when 'billing' then 'invoice'
        when 'urgent_ticket' then 'ticket'
        when 'detractor' then 'survey'
        when 'hc_past_due' then 'target'
        else 'account'
    end as subject_kind,
    held_against.dated_on,
    held_against.value,
    held_against.evidence,
    held_against.state,
    held_against.state not in ('closed', 'cleared') as is_open,
    held_against.is_true,
    held_against.raised_on,
    held_against.raised_at,
    held_against.false_since,
    held_against.cleared_on,
    held_against.closed_at,
    held_against.at_once,
    held_against.to_roles,
    held_against.to_role,
    case held_against.to_role
        when 'csm' then coalesce(accounts.csm_name, accounts.owner_name)
        when 'owner' then accounts.owner_name
        when 'ae' then accounts.ae_name
    end as to_name,
    held_against.escalates_to,
    held_against.escalated_at is not null or held_against.acknowledge_breached as is_escalated,
    case
        when held_against.escalated_at is not null then coalesce(held_against.escalated_to, held_against.escalates_to)
        when held_against.acknowledge_breached then held_against.escalates_to
    end as escalated_to,
    case
        when held_against.escalated_at is not null then held_against.escalated_at
        when held_against.acknowledge_breached then held_against.acknowledge_due_at
    end as escalated_at,
    held_against.acknowledged_by,
    {%- for step, done_at in steps.items() %}
        held_against.{{ step }}_due_at,
        held_against.{{ done_at }},
        held_against.{{ step }}_breached,
    {%- endfor %}
    cast(
        {%- for step in steps %}
            {{ "+ " if not loop.first }}case when held_against.{{ step }}_breached then 1 else 0 end
        {%- endfor %}
        as int
    ) as breaches,
    case
        when held_against.state in ('closed', 'cleared') then null
        {%- for step, done_at in steps.items() %}
            when held_against.{{ done_at }} is null then '{{ step }}'
        {%- endfor %}
    end as next_step,
    case
        when held_against.state in ('closed', 'cleared') then null
        {%- for step, done_at in steps.items() %}
            when held_against.{{ done_at }} is null then held_against.{{ step }}_due_at
        {%- endfor %}
    end as next_due_at
from held_against
left join accounts on held_against.account_id = accounts.account_id
