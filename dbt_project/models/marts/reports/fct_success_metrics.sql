with
figures as (
    select * from {{ ref('fct_success_figures') }}
),

targets as (
    select * from {{ ref('stg_policy__success_targets') }}
),

earlier as (
    select * from {{ ref('stg_history__success_metrics') }}
),

run as (
    select
        as_of_date,
        reporting_currency
    from {{ ref('stg_run__context') }}
)

-- The baseline is the first value that was kept; it is carried from one as_of to the next.
select
    targets.metric as name,
    targets.title,
    cast(targets.metric_rank as int) as {{ adapter.quote('rank') }},
    coalesce(earlier.baseline, figures.value) as baseline,
    case
        when earlier.baseline is not null then earlier.baseline_on
        when figures.value is not null then run.as_of_date
    end as baseline_on,
    coalesce(targets.at_least, targets.below) as target,
    case
        when targets.up_to is not null
            then {{ number_words('targets.at_least') }} || ' to ' || {{ number_words('targets.up_to') }}
        when targets.at_least is not null then 'at least ' || {{ number_words('targets.at_least') }}
        when targets.below is not null then 'below ' || {{ number_words('targets.below') }}
    end as target_words,
    figures.value,
    case
        when targets.at_least is not null then figures.value >= targets.at_least
        when targets.below is not null then figures.value < targets.below
    end as is_met,
    figures.n,
    figures.period,
    case when targets.unit = 'money' then run.reporting_currency else targets.unit end as unit,
    figures.reason
from targets
cross join run
inner join figures on targets.metric = figures.metric
left join earlier on targets.metric = earlier.name
