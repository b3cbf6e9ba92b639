with
health as (
    select * from {{ ref('fct_account_health') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

invoices as (
    select * from {{ ref('stg_landing__invoices') }}
),

tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

surveys as (
    select * from {{ ref('stg_landing__survey_responses') }}
),

targets as (
    select * from {{ ref('fct_health_check_targets') }}
),

earlier as (
    select * from {{ ref('stg_history__alert_conditions') }}
),

known as (
    {{ streams_known(['usage', 'invoices', 'tickets', 'survey_responses']) }}
),

run as (
    select
        as_of_date,
        reporting_currency
    from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__alert_settings') }}
),

run_before as (
    select max(as_of_date) as as_of_date from {{ ref('stg_history__alert_totals') }}
),

-- Without any row of anybody, silence says nothing.
reporting as (
    select coalesce(max(silence_rows), 0) > 0 as is_reported from usage
),

inactive as (
    select
        'inactive' as alert,
        health.account_id,
        health.account_id as subject,
        cast(null as date) as dated_on,
        cast(null as decimal(24, 6)) as value,
        case
            when coalesce(usage.silence_rows, 0) = 0
                then
                    'No usage was reported in the last ' || {{ days_words('settings.silent_days') }}
                    || ', while others report'
            else 'No login and no active user in the last ' || {{ days_words('settings.silent_days') }}
        end
        || case
            when usage.last_login_on is null then '; no login is known'
            else '; the last login was on ' || {{ date_words('usage.last_login_on') }}
        end
        || '.' as evidence
    from health
    cross join known
    cross join settings
    cross join reporting
    left join usage on health.account_id = usage.account_id
    where
        known.usage_known
        and reporting.is_reported
        and (
            coalesce(usage.silence_rows, 0) = 0
            or (usage.silence_rows_that_say > 0 and usage.silence_rows_in_use = 0)
        )
),

critical_score as (
    select
        'critical_score' as alert,
        health.account_id,
        health.account_id as subject,
        cast(null as date) as dated_on,
        cast(health.score as decimal(24, 6)) as value,
        'The score is ' || {{ number_words('health.score') }}
        || ', below ' || {{ number_words('settings.score_below') }}
        || case
            when health.root_cause is null then ''
            else ', mainly ' || {{ name_words('health.root_cause') }} || ': ' || health.root_evidence
        end
        || '.' as evidence
    from health
    cross join settings
    where health.score < settings.score_below
),

large_drop as (
    select
        'large_drop' as alert,
        health.account_id,
        health.account_id as subject,
        cast(null as date) as dated_on,
        cast(health.change_month as decimal(24, 6)) as value,
        'The score fell by ' || {{ number_words('-health.change_month') }} || ' points in a month, to '
        || {{ number_words('health.score') }} || '.' as evidence
    from health
    cross join settings
    where health.change_month < -settings.fall_above
),

billing as (
    select
        'billing' as alert,
        invoices.account_id,
        invoices.invoice_id as subject,
        invoices.issued_on as dated_on,
        cast(invoices.amount as decimal(24, 6)) as value,
        'Invoice ' || invoices.invoice_id || ' of ' || {{ date_words('invoices.issued_on') }}
        || case
            when invoices.amount is null then ''
            else
                ' over ' || {{ exact_money_words('invoices.amount') }} || ' '
                || coalesce(invoices.currency, run.reporting_currency)
        end
        || case when invoices.status = 'failed' then ' has failed.' else ' is disputed.' end as evidence
    from invoices
    cross join run
    cross join known
    where known.invoices_known and invoices.status in ('failed', 'disputed')
),

urgent_ticket as (
    select
        'urgent_ticket' as alert,
        tickets.account_id,
        tickets.ticket_id as subject,
        tickets.created_on as dated_on,
        cast(null as decimal(24, 6)) as value,
        'Urgent ticket ' || tickets.ticket_id
        || case when tickets.topic is null then '' else ' (' || tickets.topic || ')' end
        || ' is open since ' || {{ date_words('tickets.created_on') }} || '.' as evidence
    from tickets
    cross join known
    where known.tickets_known and tickets.priority = 'urgent' and tickets.solved_on is null
),

-- An answer holds for some days: after it was given, or after a run saw it first where it came late.
detractor as (
    select
        'detractor' as alert,
        surveys.account_id,
        surveys.survey_id as subject,
        surveys.responded_on as dated_on,
        cast(surveys.score as decimal(24, 6)) as value,
        'An answer of ' || {{ number_words('surveys.score') }}
        || case
            when surveys.survey_type is null then ''
            else ' to the ' || {{ name_words('surveys.survey_type') }} || ' survey'
        end
        || ' on ' || {{ date_words('surveys.responded_on') }} || ' (survey ' || surveys.survey_id || ').' as evidence
    from surveys
    cross join run
    cross join run_before
    cross join known
    cross join settings
    left join earlier
        on
            earlier.alert = 'detractor'
            and surveys.account_id = earlier.account_id
            and surveys.survey_id = earlier.subject
    where
        known.survey_responses_known
        and surveys.score <= settings.answer_at_most
        and (
            surveys.responded_on >= {{ window_starts_on('run.as_of_date', 'settings.answer_holds_days') }}
            or surveys.responded_on > run_before.as_of_date
            or earlier.true_since >= {{ window_starts_on('run.as_of_date', 'settings.answer_holds_days') }}
        )
),

hc_past_due as (
    select
        'hc_past_due' as alert,
        targets.account_id,
        targets.target_id as subject,
        {{ add_days('targets.due_date', 1) }} as dated_on,
        cast(targets.amount as decimal(24, 6)) as value,
        'Health check ' || {{ name_words('targets.milestone') }} || ' of contract ' || targets.contract_id || ' ('
        || targets.product || ') was due on ' || {{ date_words('targets.due_date') }} || '.' as evidence
    from targets
    where targets.status = 'past_due'
),

-- What a stream that can't be used doesn't say stays as it was.
carried as (
    select
        earlier.alert,
        earlier.account_id,
        earlier.subject,
        earlier.dated_on,
        earlier.value,
        earlier.evidence
    from earlier
    cross join known
    where
        (earlier.alert = 'inactive' and not known.usage_known)
        or (earlier.alert = 'billing' and not known.invoices_known)
        or (earlier.alert = 'urgent_ticket' and not known.tickets_known)
        or (earlier.alert = 'detractor' and not known.survey_responses_known)
),

holding as (
    select inactive.*, false as is_carried from inactive
    union all
    select critical_score.*, false as is_carried from critical_score
    union all
    select billing.*, false as is_carried from billing
    union all
    select urgent_ticket.*, false as is_carried from urgent_ticket
    union all
    select detractor.*, false as is_carried from detractor
    union all
    select large_drop.*, false as is_carried from large_drop
    union all
    select hc_past_due.*, false as is_carried from hc_past_due
    union all
    select carried.*, true as is_carried from carried
)

select
    holding.alert,
    holding.account_id,
    holding.subject,
    holding.dated_on,
    holding.value,
    holding.evidence,
    coalesce(earlier.true_since, run.as_of_date) as true_since,
    case
        when run_before.as_of_date is not null then earlier.alert is null
        when holding.dated_on is null then true
        else {{ days_between('holding.dated_on', 'run.as_of_date') }} <= settings.first_run_new_days
    end as is_new,
    holding.is_carried
from holding
cross join run
cross join run_before
cross join settings
left join earlier
    on
        holding.alert = earlier.alert
        and holding.account_id = earlier.account_id
        and holding.subject = earlier.subject
