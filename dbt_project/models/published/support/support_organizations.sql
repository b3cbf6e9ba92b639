with
organizations as (
    select * from {{ ref('int_support__organizations') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    organizations.source,
    organizations.organization_id,
    organizations.organization_name,
    organizations.external_id,
    organizations.domains,
    organizations.matched_by,
    organizations.account_id,
    organizations.account_name,
    organizations.is_account_known,
    organizations.known_from,
    organizations.is_reconstructed
from organizations
cross join run
