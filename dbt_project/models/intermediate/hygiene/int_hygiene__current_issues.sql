with
failures as (
    select
        *,
        {{ text_key(['rule', 'stream', 'record_key', 'column_name']) }} as issue_id
    from {{ ref('stg_quality__row_failures') }}
),

-- One record may fail a rule in several rows (a key that came three times); that is one thing to mend.
ranked as (
    select
        *,
        row_number() over (
            partition by issue_id
            order by
                extraction_id nulls last,
                row_number_in_extraction nulls last,
                actual nulls first,
                expected nulls first,
                sentence nulls first,
                suggestion nulls first,
                account_id nulls first
        ) as place,
        count(*) over (partition by issue_id) as occurrences
    from failures
),

rules as (
    select * from {{ ref('stg_quality__rules') }}
),

streams as (
    select stream, source from {{ ref('stg_run__streams') }}
),

accounts as (
    select account_id, owner_name, geo from {{ ref('int_accounts__profiled') }}
),

missing_potentials as (
    select * from {{ ref('int_expansion__missing_potentials') }}
),

-- What the checks of the raw data found, and what only the models can see: that a figure is lacking where it is needed.
found as (
    select
        ranked.issue_id,
        ranked.rule,
        rules.severity,
        ranked.stream,
        ranked.record_key,
        ranked.account_id,
        ranked.column_name,
        coalesce(ranked.expected, rules.expected) as expected,
        ranked.actual,
        ranked.sentence,
        ranked.suggestion,
        rules.owner_role as mended_by_role,
        cast(ranked.occurrences as int) as occurrences
    from ranked
    inner join rules on ranked.rule = rules.rule and ranked.stream = rules.stream
    where ranked.place = 1
    union all
    select
        {{ text_key(['rule', 'stream', 'record_key', 'column_name']) }} as issue_id,
        rule,
        severity,
        stream,
        record_key,
        account_id,
        column_name,
        expected,
        actual,
        sentence,
        cast(null as {{ type_text() }}) as suggestion,
        owner_role as mended_by_role,
        1 as occurrences
    from missing_potentials
)

select
    found.issue_id,
    found.rule,
    found.severity,
    streams.source,
    found.stream,
    found.record_key,
    found.account_id,
    found.column_name,
    found.expected,
    found.actual,
    found.sentence,
    found.suggestion,
    found.mended_by_role,
    accounts.owner_name,
    accounts.geo,
    found.occurrences
from found
left join streams on found.stream = streams.stream
left join accounts on found.account_id = accounts.account_id
