with
targets as (
    select * from {{ ref('fct_health_check_targets') }}
),

influence as (
    select * from {{ ref('fct_health_check_influence') }}
),

run as (
    select as_of_date, fiscal_year_start_month from {{ ref('stg_run__context') }}
),

due as (
    select targets.*
    from targets
    cross join run
    where targets.due_date <= run.as_of_date and targets.status <> 'not_applicable'
),

by_dimension as (
    select 'all' as dimension, 'all' as value, due.* from due
    union all
    select 'owner' as dimension, coalesce(due.owner_name, '(none)') as value, due.* from due
    union all
    select 'geo' as dimension, coalesce(due.geo, '(none)') as value, due.* from due
    union all
    select 'region' as dimension, coalesce(due.region, '(none)') as value, due.* from due
),

counted as (
    select
        due_quarter,
        dimension,
        value,
        count(*) as targets_due,
        count(case when status = 'completed' then 1 end) as completed,
        count(case when status = 'completed_late' then 1 end) as completed_late,
        count(case when status = 'past_due' then 1 end) as past_due,
        count(case when status = 'missed' then 1 end) as missed,
        count(case when near_miss is not null then 1 end) as near_misses,
        {{ median_of_whole(days_between('due_date', 'completed_on')) }} as median_days_to_delivery
    from by_dimension
    group by due_quarter, dimension, value
),

-- One HC may complete two targets of a cell; what it influenced counts once there.
delivering as (
    select distinct due_quarter, dimension, value, completing_activity_id as activity_id
    from by_dimension
    where completing_activity_id is not null
),

credited as (
    select activity_id, opportunity_type, outcome, amount * credit_last_touch as amount
    from influence
),

influenced as (
    select
        delivering.due_quarter,
        delivering.dimension,
        delivering.value,
        sum(case when credited.outcome = 'open' then credited.amount end) as influenced_pipeline,
        sum(case when credited.outcome = 'open' and credited.opportunity_type = 'renewal' then credited.amount end)
            as influenced_pipeline_renewal,
        sum(case when credited.outcome = 'open' and credited.opportunity_type = 'expansion' then credited.amount end)
            as influenced_pipeline_expansion,
        sum(case when credited.outcome = 'won' then credited.amount end) as influenced_won,
        sum(case when credited.outcome = 'won' and credited.opportunity_type = 'renewal' then credited.amount end)
            as influenced_won_renewal,
        sum(case when credited.outcome = 'won' and credited.opportunity_type = 'expansion' then credited.amount end)
            as influenced_won_expansion
    from delivering
    inner join credited on delivering.activity_id = credited.activity_id
    group by delivering.due_quarter, delivering.dimension, delivering.value
)

select
    {{ fiscal_quarter_name('counted.due_quarter', 'run.fiscal_year_start_month') }} as fiscal_quarter,
    {{ fiscal_quarter_starts_on('counted.due_quarter', 'run.fiscal_year_start_month') }} as quarter_starts_on,
    counted.dimension,
    counted.value,
    counted.targets_due,
    counted.completed,
    counted.completed_late,
    counted.past_due,
    counted.missed,
    {{ percentage('counted.completed + counted.completed_late', 'counted.targets_due') }} as completion_rate,
    {{ percentage('counted.completed', 'counted.targets_due') }} as on_time_rate,
    cast(counted.median_days_to_delivery as decimal(9, 1)) as median_days_to_delivery,
    counted.near_misses,
    coalesce(influenced.influenced_pipeline, 0) as influenced_pipeline,
    coalesce(influenced.influenced_won, 0) as influenced_won,
    coalesce(influenced.influenced_pipeline_renewal, 0) as influenced_pipeline_renewal,
    coalesce(influenced.influenced_pipeline_expansion, 0) as influenced_pipeline_expansion,
    coalesce(influenced.influenced_won_renewal, 0) as influenced_won_renewal,
    coalesce(influenced.influenced_won_expansion, 0) as influenced_won_expansion
from counted
cross join run
left join influenced
    on
        counted.due_quarter = influenced.due_quarter
        and counted.dimension = influenced.dimension
        and counted.value = influenced.value
