with
made as (
    {%- for report in ['weekly_review', 'monthly_report', 'playbook_review'] %}
        select
            '{{ report }}' as report,
            section,
            section_place,
            place,
            account_id,
            text,
            figure,
            unit
        from {{ ref('fct_' ~ report ~ '_items') }}
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

earlier as (
    select * from {{ ref('stg_history__review_items') }}
),

run as (
    select
        as_of_date,
        case cadence when 'weekly' then 1 when 'monthly' then 2 when 'quarterly' then 3 else 0 end as reports_made
    from {{ ref('stg_run__context') }}
),

reports as (
    select 'weekly_review' as report, 1 as made_from
    union all
    select 'monthly_report' as report, 2 as made_from
    union all
    select 'playbook_review' as report, 3 as made_from
),

-- A report that this run doesn't make stands as it was.
all_items as (
    select
        made.report,
        made.section,
        made.section_place,
        cast(row_number() over (partition by made.report, made.section order by made.place) as int)
            as {{ adapter.quote('rank') }},
        made.account_id,
        made.text,
        made.figure,
        made.unit,
        run.as_of_date as made_on
    from made
    cross join run
    union all
    select
        earlier.report,
        earlier.section,
        earlier.section_place,
        earlier.{{ adapter.quote('rank') }},
        earlier.account_id,
        earlier.text,
        earlier.figure,
        earlier.unit,
        earlier.made_on
    from earlier
    cross join run
    inner join reports on earlier.report = reports.report
    where reports.made_from > run.reports_made
)

select
    report,
    section,
    cast(section_place as int) as section_place,
    {{ adapter.quote('rank') }},
    account_id,
    text,
    figure,
    unit,
    made_on
from all_items
