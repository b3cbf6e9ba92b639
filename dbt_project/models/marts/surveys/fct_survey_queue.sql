with
accounts as (
    select * from {{ ref('int_accounts__profiled') }}
    where not is_churned
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
),

surveys as (
    select * from {{ ref('stg_landing__survey_responses') }}
),

tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

known as (
    {{ streams_known(['tickets']) }}
),

ranks as (
    select * from {{ ref('stg_policy__survey_order') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__survey_settings') }}
),

sent as (
    select
        account_id,
        max(sent_on) as last_sent_on,
        max(case when survey_type = 'quarterly' then sent_on end) as last_quarterly_on,
        max(case when survey_type = 'onboarding' then sent_on end) as last_onboarding_on,
        max(case when survey_type = 'post_support' then sent_on end) as last_post_support_on,
        max(case when survey_type = 'pre_renewal' then sent_on end) as last_pre_renewal_on
    from surveys
    group by account_id
),

solved as (
    select
        tickets.account_id,
        tickets.ticket_id,
        tickets.solved_on,
        row_number() over (
            partition by tickets.account_id
            order by tickets.solved_on desc nulls last, tickets.ticket_id desc nulls last
        ) as place
    from tickets
    cross join run
    cross join known
    cross join settings
    where
        known.tickets_known
        and tickets.priority = 'urgent'
        and tickets.solved_on >= {{ window_starts_on('run.as_of_date', 'settings.post_support_days') }}
),

customers as (
    select
        accounts.account_id,
        standing.has_current_contract,
        standing.first_contract_start,
        standing.renewal_date,
        coalesce(accounts.customer_since, standing.first_contract_start) as customer_since,
        sent.last_quarterly_on,
        sent.last_onboarding_on,
        sent.last_post_support_on,
        sent.last_pre_renewal_on,
        solved.ticket_id,
        solved.solved_on,
        run.as_of_date,
        settings.quarterly_tenure_above_days,
        settings.quarterly_every_days,
        settings.onboarding_after_days,
        settings.onboarding_grace_days,
        settings.pre_renewal_days
    from accounts
    cross join run
    cross join settings
    inner join standing on accounts.account_id = standing.account_id
    left join sent on accounts.account_id = sent.account_id
    left join solved on accounts.account_id = solved.account_id and solved.place = 1
    -- Never two surveys within some days.
    where
        sent.last_sent_on is null
        or {{ days_between('sent.last_sent_on', 'run.as_of_date') }} >= settings.throttle_days
),

quarterly as (
    select
        account_id,
        'quarterly' as survey_type,
        cast(null as {{ type_text() }}) as ticket_id,
        greatest(
            {{ add_days('customer_since', 'quarterly_tenure_above_days + 1') }},
            coalesce(
                {{ add_days('last_quarterly_on', 'quarterly_every_days') }},
                {{ add_days('customer_since', 'quarterly_tenure_above_days + 1') }}
            )
        ) as due_on,
        case
            when last_quarterly_on is null then 'The account was never asked'
            else 'The last one was sent on ' || {{ date_words('last_quarterly_on') }}
        end
        || '; a customer since ' || {{ date_words('customer_since') }} || '.' as reason
    from customers
    where
        has_current_contract
        and {{ days_between('customer_since', 'as_of_date') }} > quarterly_tenure_above_days
        and (
            last_quarterly_on is null
            or {{ days_between('last_quarterly_on', 'as_of_date') }} >= quarterly_every_days
        )
),

onboarding as (
    select
        account_id,
        'onboarding' as survey_type,
        cast(null as {{ type_text() }}) as ticket_id,
        {{ add_days('first_contract_start', 'onboarding_after_days') }} as due_on,
        'The first contract started on ' || {{ date_words('first_contract_start') }} || '.' as reason
    from customers
    where
        last_onboarding_on is null
        and {{ days_between('first_contract_start', 'as_of_date') }} >= onboarding_after_days
        and {{ days_between('first_contract_start', 'as_of_date') }} <= onboarding_after_days + onboarding_grace_days
),

post_support as (
    select
        account_id,
        'post_support' as survey_type,
        ticket_id,
        solved_on as due_on,
        'Urgent ticket ' || ticket_id || ' was solved on ' || {{ date_words('solved_on') }} || '.' as reason
    from customers
    where ticket_id is not null and (last_post_support_on is null or last_post_support_on < solved_on)
),

pre_renewal as (
    select
        account_id,
        'pre_renewal' as survey_type,
        cast(null as {{ type_text() }}) as ticket_id,
        {{ add_days('renewal_date', '-pre_renewal_days') }} as due_on,
        'The renewal is on ' || {{ date_words('renewal_date') }} || '.' as reason
    from customers
    where
        {{ days_between('as_of_date', 'renewal_date') }} <= pre_renewal_days
        and (
            last_pre_renewal_on is null
            or last_pre_renewal_on < {{ add_days('renewal_date', '-pre_renewal_days') }}
        )
),

due as (
    select * from quarterly
    union all
    select * from onboarding
    union all
    select * from post_support
    union all
    select * from pre_renewal
),

placed as (
    select
        due.*,
        ranks.type_rank,
        row_number() over (partition by due.account_id order by ranks.type_rank asc nulls last) as place
    from due
    inner join ranks on due.survey_type = ranks.survey_type
),

waiting as (
    select
        account_id,
        {{ join_text('survey_type', ', ', ['type_rank']) }} as held_back
    from placed
    where place > 1
    group by account_id
),

first_ones as (
    select
        placed.account_id,
        'survey' as kind,
        placed.survey_type,
        coalesce(placed.ticket_id, placed.survey_type || ' ' || cast(placed.due_on as {{ type_text() }})) as subject,
        placed.due_on,
        cast(null as date) as sent_on,
        placed.reason,
        waiting.held_back
    from placed
    left join waiting on placed.account_id = waiting.account_id
    where placed.place = 1
),

follow_ups as (
    select
        surveys.account_id,
        'follow_up' as kind,
        surveys.survey_type,
        surveys.survey_id as subject,
        {{ add_days('surveys.sent_on', 'settings.follow_up_after_days') }} as due_on,
        surveys.sent_on,
        'Survey ' || surveys.survey_id || ' of ' || {{ date_words('surveys.sent_on') }} || ' is not answered.'
            as reason,
        cast(null as {{ type_text() }}) as held_back
    from surveys
    cross join run
    cross join settings
    inner join accounts on surveys.account_id = accounts.account_id
    where
        surveys.responded_on is null
        and {{ days_between('surveys.sent_on', 'run.as_of_date') }} >= settings.follow_up_after_days
        and {{ days_between('surveys.sent_on', 'run.as_of_date') }} <= settings.follow_up_until_days
),

queued as (
    select * from first_ones
    union all
    select * from follow_ups
)

select
    queued.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    queued.kind,
    queued.survey_type,
    queued.subject,
    queued.due_on,
    queued.sent_on,
    queued.reason,
    queued.held_back
from queued
inner join accounts on queued.account_id = accounts.account_id
