with
accounts as (
    select account_id, segment from {{ ref('int_accounts__profiled') }}
),

contracts as (
    select account_id, product from {{ ref('int_contracts__converted') }}
),

rules as (
    select scope_id, segment, product, specificity from {{ ref('stg_policy__health_check_rules') }}
),

-- What an account's opportunities owe to health checks is a matter of its segment alone: product is null there.
seen as (
    select distinct accounts.segment, contracts.product
    from contracts
    inner join accounts on contracts.account_id = accounts.account_id
    union all
    select distinct segment, cast(null as {{ type_text() }}) as product
    from accounts
),

ranked as (
    select
        seen.segment,
        seen.product,
        rules.scope_id,
        row_number() over (partition by seen.segment, seen.product order by rules.specificity desc) as place
    from seen
    inner join rules
        on
            (rules.segment is null or seen.segment = rules.segment)
            and (rules.product is null or seen.product = rules.product)
)

select
    segment,
    product,
    {{ segment_and_product('segment', 'product') }} as segment_and_product,
    scope_id
from ranked
where place = 1
