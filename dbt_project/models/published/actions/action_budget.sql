with
budget as (
    select * from {{ ref('fct_action_budget') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    budget.owner,
    budget.is_person,
    cast(budget.daily_budget as int) as daily_budget,
    cast(budget.new_actions as int) as new_actions,
    cast(budget.created_actions as int) as created_actions,
    cast(budget.held_back_actions as int) as held_back_actions,
    cast(budget.cooling_actions as int) as cooling_actions,
    cast(budget.suppressed_actions as int) as suppressed_actions
from budget
cross join run
