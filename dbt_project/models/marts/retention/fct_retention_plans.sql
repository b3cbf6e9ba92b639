{{ config(materialized='view') }}

with
health as (
    select * from {{ ref('fct_account_health') }}
),

churn as (
    select * from {{ ref('fct_account_churn') }}
),

steps as (
    select * from {{ ref('stg_policy__retention_steps') }}
),

settings as (
    select * from {{ ref('stg_policy__retention_settings') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

closed as (
    select * from {{ ref('int_accounts__closed_periods') }}
),

-- An account without a score has no probability, but a renewal all the same.
judged as (
    select
        health.account_id,
        health.account_name,
        health.owner_name,
        health.csm_name,
        health.ae_name,
        health.geo,
        health.region,
        health.segment,
        health.status,
        health.final_status,
        health.final_status_from,
        health.arr,
        health.renewal_date,
        health.days_to_renewal,
        health.reconstructed,
        churn.acts_on_probability,
        churn.probability_reason,
        churn.intervention_priority,
        {% for factor in churn_factor_names() %}
            churn.{{ factor }},
            churn.{{ factor }}_evidence,
        {% endfor %}
        case
            when churn.acts_on_probability > settings.high_above then 'high'
            when churn.acts_on_probability > settings.medium_above then 'medium'
        end as risk_level,
        coalesce(health.final_status = settings.review_status, false) as by_executive,
        coalesce(churn.acts_on_probability > settings.validation_above, false) as requires_validation,
        settings.validation_above
    from health
    cross join settings
    left join churn on health.account_id = churn.account_id
),

-- A step that is only for accounts with a factor brings what speaks for the factor.
planned as (
    select
        judged.account_id,
        steps.step,
        steps.level,
        steps.step_rank,
        steps.phase,
        steps.action,
        steps.purpose,
        steps.owner_role,
        cast(null as {{ type_text() }}) as joined_by,
        steps.audience,
        steps.reaches_customer,
        steps.touches_price,
        cast(null as date) as planned_on,
        run.as_of_date as starts_on,
        {{ add_days('run.as_of_date', 'steps.due_days') }} as due_on,
        false as is_overdue,
        'Churn probability is ' || judged.probability_reason || '.'
        || case steps.only_with
            {% for factor in churn_factor_names() %}
                when '{{ factor }}'
                    then ' {{ factor | replace("_", " ") | capitalize }}: ' || judged.{{ factor }}_evidence || '.'
            {% endfor %}
            else ''
        end as why
    from judged
    cross join run
    inner join steps on judged.risk_level = steps.level
    where
        steps.only_with is null
        {% for factor in churn_factor_names() %}
            or (steps.only_with = '{{ factor }}' and judged.{{ factor }})
        {% endfor %}
),

renewing as (
    select
        judged.account_id,
        judged.risk_level,
        judged.renewal_date,
        judged.days_to_renewal,
        steps.*,
        {{ add_days('judged.renewal_date', '-steps.days_before_renewal') }} as planned_on,
        settings.sponsor_from_days,
        settings.sponsor_role
    from judged
    cross join settings
    inner join steps
        on steps.level = 'renewal' and judged.days_to_renewal <= settings.renewal_within_days
),

timeline as (
    select
        renewing.account_id,
        renewing.step,
        renewing.level,
        renewing.step_rank,
        renewing.phase,
        renewing.action,
        renewing.purpose,
        renewing.owner_role,
        case
            when renewing.risk_level = 'high' and renewing.days_before_renewal <= renewing.sponsor_from_days
                then renewing.sponsor_role
        end as joined_by,
        renewing.audience,
        renewing.reaches_customer,
        renewing.touches_price,
        renewing.planned_on,
        greatest(renewing.planned_on, run.as_of_date) as starts_on,
        greatest(renewing.planned_on, run.as_of_date) as due_on,
        renewing.planned_on < run.as_of_date as is_overdue,
        'Renewal on ' || {{ date_words('renewing.renewal_date') }}
        || case
            when renewing.days_to_renewal = 0 then ', today'
            else ', in ' || {{ days_words('renewing.days_to_renewal') }}
        end
        || case
            when renewing.planned_on < run.as_of_date
                then
                    '; this step, ' || {{ days_words('renewing.days_before_renewal') }} || ' before, was due '
                    || {{ date_words('renewing.planned_on') }} || ', so now.'
            else '; this step comes ' || {{ days_words('renewing.days_before_renewal') }} || ' before.'
        end as why
    from renewing
    cross join run
),

steps_of_all as (
    select * from planned
    union all
    select * from timeline
),

-- What reaches the customer, and every step of a renewal, waits for the end of closed weeks.
rows_of_all as (
    select
        steps_of_all.account_id,
        steps_of_all.step,
        steps_of_all.level,
        steps_of_all.step_rank,
        steps_of_all.phase,
        steps_of_all.action,
        steps_of_all.purpose,
        steps_of_all.owner_role,
        steps_of_all.joined_by,
        steps_of_all.audience,
        steps_of_all.reaches_customer,
        steps_of_all.touches_price,
        steps_of_all.planned_on,
        case
            when closed.opens_on is not null and steps_of_all.starts_on >= closed.closed_from then closed.opens_on
            else steps_of_all.starts_on
        end as starts_on,
        coalesce(closed.opens_on, steps_of_all.due_on) as due_on,
        steps_of_all.is_overdue,
        steps_of_all.why
        || coalesce(
            ' Moved from ' || {{ date_words('steps_of_all.due_on') }} || ': the industry is closed until '
            || {{ date_words('closed.closed_until') }} || '.',
            ''
        ) as why
    from steps_of_all
    left join closed
        on
            steps_of_all.account_id = closed.account_id
            and (steps_of_all.reaches_customer or steps_of_all.level = 'renewal')
            and steps_of_all.due_on between closed.closed_from and closed.closed_until
)

select
    rows_of_all.account_id,
    judged.account_name,
    judged.owner_name,
    judged.csm_name,
    judged.ae_name,
    judged.geo,
    judged.region,
    judged.segment,
    rows_of_all.step,
    cast(row_number() over (
        partition by rows_of_all.account_id
        order by rows_of_all.due_on, rows_of_all.level, rows_of_all.step_rank, rows_of_all.step
    ) as int) as {{ adapter.quote('rank') }},
    rows_of_all.level,
    rows_of_all.phase,
    rows_of_all.action,
    rows_of_all.purpose,
    rows_of_all.owner_role,
    rows_of_all.joined_by,
    rows_of_all.audience,
    rows_of_all.starts_on,
    rows_of_all.due_on,
    rows_of_all.is_overdue,
    rows_of_all.why,
    judged.by_executive or judged.requires_validation as requires_review,
    judged.requires_validation,
    case
        when judged.by_executive
            then
                judged.final_status
                || case when judged.final_status_from = 'csm' then ' by the CSM''s call' else '' end
                || ': an executive reviews the plan before it runs'
                || case when judged.requires_validation then '; ' else '' end
        else ''
    end
    || case
        when judged.requires_validation
            then
                'churn probability of ' || {{ number_words('judged.acts_on_probability') }} || ' % is over '
                || {{ number_words('judged.validation_above') }} || ' %: a person validates the plan'
        else ''
    end as review_reason,
    judged.acts_on_probability,
    judged.status,
    judged.final_status,
    judged.final_status_from,
    judged.arr,
    judged.intervention_priority,
    judged.renewal_date,
    judged.days_to_renewal,
    judged.reconstructed,
    rows_of_all.reaches_customer,
    rows_of_all.touches_price,
    rows_of_all.planned_on
from rows_of_all
inner join judged on rows_of_all.account_id = judged.account_id
