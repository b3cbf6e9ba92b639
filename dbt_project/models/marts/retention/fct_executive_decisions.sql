with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

rules as (
    select * from {{ ref('stg_policy__executive_rules') }}
),

signals as (
    select * from {{ ref('stg_landing__signals') }}
),

signal_groups as (
    select * from {{ ref('stg_policy__signal_groups') }}
),

known as (
    {{ streams_known(['signals']) }}
),

run as (
    select
        as_of_date,
        reporting_currency
    from {{ ref('stg_run__context') }}
),

by_size as (
    select
        health.account_id,
        rules.decision,
        health.final_status
        || case when health.final_status_from = 'csm' then ' by the CSM''s call' else '' end
        || ' with ARR of ' || {{ money_words('health.arr') }} || ' ' || run.reporting_currency || ', over '
        || {{ money_words('rules.arr_above') }} as why
    from health
    cross join run
    inner join rules
        on health.final_status = rules.final_status and health.arr > rules.arr_above
    where rules.signal_group is null
),

by_signal as (
    select
        signals.account_id,
        rules.decision,
        {{ join_text(
            signal_words('signals.signal_type') ~ " || ' on ' || " ~ date_words('signals.observed_on')
            ~ " || ' (signal ' || signals.signal_id || ')'",
            '; ',
            [days_between('signals.observed_on', 'run.as_of_date'), 'signals.signal_id']
        ) }} as why
    from signals
    cross join run
    cross join known
    inner join signal_groups on signals.signal_type = signal_groups.signal_type
    inner join rules
        on
            signal_groups.signal_group = rules.signal_group
            and signals.observed_on >= {{ window_starts_on('run.as_of_date', 'rules.within_days') }}
    where known.signals_known
    group by signals.account_id, rules.decision
),

called_for as (
    select * from by_size
    union all
    select * from by_signal
)

select
    health.account_id,
    health.account_name,
    health.owner_name,
    health.csm_name,
    health.ae_name,
    health.geo,
    health.region,
    health.segment,
    rules.decision,
    cast(row_number() over (
        order by
            rules.due_days,
            churn.intervention_priority desc nulls last,
            health.account_id,
            rules.decision_rank
    ) as int) as {{ adapter.quote('rank') }},
    rules.title,
    rules.decision_maker,
    rules.urgency,
    {{ add_days('run.as_of_date', 'rules.due_days') }} as due_on,
    called_for.why,
    health.status,
    health.final_status,
    health.final_status_from,
    churn.acts_on_probability,
    health.arr,
    churn.expected_loss,
    churn.intervention_priority,
    health.days_to_renewal,
    health.reconstructed
from called_for
inner join health on called_for.account_id = health.account_id
inner join rules on called_for.decision = rules.decision
cross join run
left join churn on called_for.account_id = churn.account_id
