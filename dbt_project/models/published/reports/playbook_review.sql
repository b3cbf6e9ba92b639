with
items as (
    select * from {{ ref('fct_review_items') }}
    where report = 'playbook_review'
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    items.section,
    items.section_place,
    items.{{ adapter.quote('rank') }},
    items.account_id,
    items.text,
    items.figure,
    items.unit,
    items.made_on
from items
cross join run
