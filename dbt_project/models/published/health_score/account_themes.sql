with
themes as (
    select * from {{ ref('fct_account_themes') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    themes.account_id,
    themes.theme,
    themes.severity,
    cast(themes.place as int) as place,
    themes.is_root_cause,
    themes.evidence
from themes
cross join run
