with
interventions as (
    select * from {{ ref('stg_landing__interventions') }}
),

transitions as (
    select * from {{ ref('stg_landing__action_log') }}
),

plan_steps as (
    select distinct step from {{ ref('stg_policy__retention_steps') }}
    where level in ('high', 'medium')
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select gap_days from {{ ref('stg_policy__intervention_settings') }}
),

-- Days on which somebody worked on an account's plan.
worked as (
    select distinct
        transitions.account_id,
        transitions.acted_on
    from transitions
    inner join plan_steps on transitions.action = plan_steps.step
    where transitions.to_status = 'done'
),

one_after_another as (
    select
        worked.account_id,
        worked.acted_on,
        lag(worked.acted_on) over (partition by worked.account_id order by worked.acted_on asc nulls last)
            as before_on
    from worked
),

numbered as (
    select
        one_after_another.account_id,
        one_after_another.acted_on,
        sum(case
            when
                {{ days_between('one_after_another.before_on', 'one_after_another.acted_on') }} <= settings.gap_days
                then 0
            else 1
        end) over (
            partition by one_after_another.account_id
            order by one_after_another.acted_on asc nulls last
            rows between unbounded preceding and current row
        ) as plan_number
    from one_after_another
    cross join settings
),

plans as (
    select
        account_id,
        min(acted_on) as opened_on,
        max(acted_on) as last_worked_on
    from numbered
    group by account_id, plan_number
)

select
    'stream' as origin,
    interventions.intervention_id,
    interventions.account_id,
    interventions.strategy,
    interventions.opened_on,
    interventions.closed_on,
    coalesce(interventions.outcome, case when interventions.closed_on is null then 'open' end) as outcome,
    interventions.closed_on is not null as is_closed
from interventions
union all
select
    'ledger' as origin,
    {{ text_key(['plans.account_id', 'plans.opened_on']) }} as intervention_id,
    plans.account_id,
    'retention_plan' as strategy,
    plans.opened_on,
    case
        when {{ days_between('plans.last_worked_on', 'run.as_of_date') }} > settings.gap_days then plans.last_worked_on
    end as closed_on,
    case when {{ days_between('plans.last_worked_on', 'run.as_of_date') }} <= settings.gap_days then 'open' end
        as outcome,
    {{ days_between('plans.last_worked_on', 'run.as_of_date') }} > settings.gap_days as is_closed
from plans
cross join run
cross join settings
