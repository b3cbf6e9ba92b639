{{ config(materialized='view') }}

with
themes as (
    select * from {{ ref('int_health_score__themes') }}
)

select
    account_id,
    theme,
    case severity when 3 then 'high' when 2 then 'medium' else 'low' end as severity,
    place,
    place = 1 as is_root_cause,
    evidence
from themes
