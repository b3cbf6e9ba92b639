with
potentials as (
    select * from {{ ref('int_expansion__potentials') }}
    where potential_arr is null
),

accounts as (
    select
        account_id,
        account_name
    from {{ ref('int_accounts__profiled') }}
)

-- The column that should hold the potential is named after the type.
select
    potentials.account_id,
    potentials.account_id as record_key,
    'accounts' as stream,
    'expansion_potential_known' as rule,
    'warning' as severity,
    'revops' as owner_role,
    potentials.type || '_arr' as column_name,
    'the revenue a year that the expansion could bring' as expected,
    cast(null as {{ type_text() }}) as actual,
    'Account ' || accounts.account_name || ' has a case for ' || {{ name_words('potentials.type') }} || ', but no '
    || potentials.type || '_arr: its potential can''t be counted.' as sentence
from potentials
inner join accounts on potentials.account_id = accounts.account_id
