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
)

select
    ranked.issue_id,
    ranked.rule,
    rules.severity,
    streams.source,
    ranked.stream,
    ranked.record_key,
    ranked.account_id,
    ranked.column_name,
    coalesce(ranked.expected, rules.expected) as expected,
    ranked.actual,
    ranked.sentence,
    ranked.suggestion,
    rules.owner_role as mended_by_role,
    accounts.owner_name,
    accounts.geo,
    cast(ranked.occurrences as int) as occurrences
from ranked
inner join rules on ranked.rule = rules.rule and ranked.stream = rules.stream
left join streams on ranked.stream = streams.stream
left join accounts on ranked.account_id = accounts.account_id
where ranked.place = 1
