with
signals as (
    select * from {{ ref('stg_landing__signals') }}
),

signal_groups as (
    select * from {{ ref('stg_policy__signal_groups') }}
),

contacts as (
    select * from {{ ref('stg_landing__contacts') }}
),

leadership_roles as (
    select * from {{ ref('stg_policy__leadership_roles') }}
),

opportunities as (
    select * from {{ ref('stg_landing__opportunities') }}
),

tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

activities as (
    select * from {{ ref('int_activities__by_account') }}
),

known as (
    {{ streams_known(['signals', 'contacts', 'opportunities', 'tickets', 'usage', 'activities']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__churn_settings') }}
),

windows as (
    select
        run.as_of_date,
        {{ window_starts_on('run.as_of_date', 'settings.leadership_change_days') }} as leadership_change_from,
        {{ window_starts_on('run.as_of_date', 'settings.budget_pressure_days') }} as budget_pressure_from,
        {{ window_starts_on('run.as_of_date', 'settings.competitive_inquiry_days') }} as competitive_inquiry_from,
        {{ window_starts_on('run.as_of_date', 'settings.recent_outage_days') }} as recent_outage_from
    from run
    cross join settings
),

-- Which group of signals raises which factor, and since when.
raised_by as (
    select
        'leadership_change' as factor,
        'leadership_change' as signal_group,
        leadership_change_from as counts_from
    from windows
    union all
    select
        'budget_pressure' as factor,
        'budget_pressure' as signal_group,
        budget_pressure_from as counts_from
    from windows
    union all
    select
        'competitive_inquiry' as factor,
        'competitive' as signal_group,
        competitive_inquiry_from as counts_from
    from windows
    union all
    select
        'recent_outage' as factor,
        'outage' as signal_group,
        recent_outage_from as counts_from
    from windows
),

observed as (
    select
        signals.account_id,
        raised_by.factor,
        'signal' as kind,
        signals.signal_id as record_id,
        signals.observed_on as happened_on,
        {{ signal_words('signals.signal_type') }} || ' on ' || {{ date_words('signals.observed_on') }}
        || ' (signal ' || signals.signal_id || ')' as words
    from signals
    inner join signal_groups on signals.signal_type = signal_groups.signal_type
    inner join raised_by
        on signal_groups.signal_group = raised_by.signal_group and signals.observed_on >= raised_by.counts_from
    cross join known
    where known.signals_known
),

-- Somebody's start is a change only where somebody was in the role before; who has no start was there before all.
leaders as (
    select
        contacts.account_id,
        contacts.contact_id,
        contacts.role,
        contacts.started_on,
        contacts.ended_on,
        min(contacts.started_on) over (partition by contacts.account_id, contacts.role) as first_started_on,
        max(case when contacts.started_on is null then 1 else 0 end) over (
            partition by contacts.account_id, contacts.role
        ) as starts_unknown
    from contacts
    inner join leadership_roles on contacts.role = leadership_roles.role
    cross join known
    where known.contacts_known
),

came as (
    select
        leaders.account_id,
        'leadership_change' as factor,
        'contact_started' as kind,
        leaders.contact_id as record_id,
        leaders.started_on as happened_on,
        'a new ' || {{ name_words('leaders.role') }} || ' contact on ' || {{ date_words('leaders.started_on') }}
        || ' (contact ' || leaders.contact_id || ')' as words
    from leaders
    cross join windows
    where
        leaders.started_on >= windows.leadership_change_from
        and leaders.started_on <= windows.as_of_date
        and (leaders.first_started_on < leaders.started_on or leaders.starts_unknown = 1)
),

-- Staging knows of no end after as_of.
went as (
    select
        leaders.account_id,
        'leadership_change' as factor,
        'contact_ended' as kind,
        leaders.contact_id as record_id,
        leaders.ended_on as happened_on,
        'the ' || {{ name_words('leaders.role') }} || ' contact left on ' || {{ date_words('leaders.ended_on') }}
        || ' (contact ' || leaders.contact_id || ')' as words
    from leaders
    cross join windows
    where leaders.ended_on >= windows.leadership_change_from
),

competing as (
    select
        opportunities.account_id,
        'competitive_inquiry' as factor,
        'opportunity' as kind,
        opportunities.opportunity_id as record_id,
        opportunities.created_on as happened_on,
        'open opportunity of ' || {{ date_words('opportunities.created_on') }} || ' names ' || opportunities.competitor
        || ' (opportunity ' || opportunities.opportunity_id || ')' as words
    from opportunities
    cross join known
    where
        known.opportunities_known
        and opportunities.competitor is not null
        and not opportunities.is_won
        and not opportunities.is_closed
),

incidents as (
    select
        tickets.account_id,
        'recent_outage' as factor,
        'ticket' as kind,
        tickets.ticket_id as record_id,
        tickets.created_on as happened_on,
        'urgent incident on ' || {{ date_words('tickets.created_on') }} || ' (ticket ' || tickets.ticket_id || ')'
            as words
    from tickets
    cross join windows
    cross join known
    where
        known.tickets_known
        and tickets.priority = 'urgent'
        and tickets.is_incident
        and tickets.created_on >= windows.recent_outage_from
),

uptimes as (
    select
        usage.account_id,
        {{ divide_exact('usage.uptime_now', 'usage.uptime_rows_now') }} as uptime_now,
        {{ divide_exact('usage.uptime_before', 'usage.uptime_rows_before') }} as uptime_before,
        {{ divide_exact(
            'cast(usage.uptime_before as decimal(22, 6)) * usage.uptime_rows_now'
            ~ ' - cast(usage.uptime_now as decimal(22, 6)) * usage.uptime_rows_before',
            'cast(usage.uptime_rows_now as bigint) * usage.uptime_rows_before'
        ) }} as drop_points
    from usage
    cross join known
    where known.usage_known
),

uptime_drops as (
    select
        uptimes.account_id,
        'recent_outage' as factor,
        'uptime' as kind,
        'usage' as record_id,
        windows.as_of_date as happened_on,
        'uptime of ' || {{ format_decimal('uptimes.uptime_now', 3) }} || ' % in the '
        || {{ days_words('settings.uptime_drop_days') }} || ' to ' || {{ date_words('windows.as_of_date') }} || ', '
        || {{ format_decimal('uptimes.uptime_before', 3) }} || ' % in the '
        || {{ days_words('settings.uptime_drop_days') }} || ' before (usage)' as words
    from uptimes
    cross join windows
    cross join settings
    where uptimes.drop_points >= settings.uptime_drop_points
),

-- By how many percent each got worse; null where there is nothing on either side, or 0 before.
engagement as (
    select
        activities.account_id,
        'qbr_attendance' as record_id,
        {{ percentage('activities.qbrs_completed_before', 'activities.qbrs_before') }} as value_before,
        {{ percentage('activities.qbrs_completed_now', 'activities.qbrs_now') }} as value_now,
        {{ divide_exact(
            '100 * (cast(activities.qbrs_completed_before as bigint) * activities.qbrs_now'
            ~ ' - cast(activities.qbrs_completed_now as bigint) * activities.qbrs_before)',
            'cast(activities.qbrs_completed_before as bigint) * activities.qbrs_now',
            input_places=0
        ) }} as worse_by_pct
    from activities
    cross join known
    where known.activities_known
    union all
    select
        usage.account_id,
        'logins' as record_id,
        usage.logins_before as value_before,
        usage.logins_now as value_now,
        {{ divide_exact(
            '100 * (cast(usage.logins_before as decimal(24, 6)) - cast(usage.logins_now as decimal(24, 6)))',
            'usage.logins_before'
        ) }} as worse_by_pct
    from usage
    cross join known
    where known.usage_known
    union all
    select
        activities.account_id,
        'response_hours' as record_id,
        {{ divide_exact('activities.response_hours_before', 'activities.responses_before') }} as value_before,
        {{ divide_exact('activities.response_hours_now', 'activities.responses_now') }} as value_now,
        {{ divide_exact(
            '100 * (cast(activities.response_hours_now as decimal(22, 6)) * activities.responses_before'
            ~ ' - cast(activities.response_hours_before as decimal(22, 6)) * activities.responses_now)',
            'cast(activities.response_hours_before as decimal(22, 6)) * activities.responses_now'
        ) }} as worse_by_pct
    from activities
    cross join known
    where known.activities_known
),

worse as (
    select
        engagement.account_id,
        engagement.record_id,
        {{ number_words('engagement.value_before') }} as before_words,
        {{ number_words('engagement.value_now') }} as now_words,
        count(*) over (partition by engagement.account_id) as worse_count
    from engagement
    cross join settings
    where engagement.worse_by_pct >= settings.engagement_decline_pct
),

declines as (
    select
        worse.account_id,
        'engagement_decline' as factor,
        'engagement' as kind,
        worse.record_id,
        windows.as_of_date as happened_on,
        case worse.record_id
            when 'qbr_attendance'
                then 'QBR attendance from ' || worse.before_words || ' % to ' || worse.now_words || ' %'
            when 'logins' then 'logins from ' || worse.before_words || ' to ' || worse.now_words
            else 'mean time to answer e-mails from ' || worse.before_words || ' to ' || worse.now_words || ' hours'
        end
        || ' in the ' || {{ days_words('settings.engagement_decline_days') }} || ' to '
        || {{ date_words('windows.as_of_date') }} || ' against those before ('
        || case when worse.record_id = 'logins' then 'usage' else 'activities' end || ')' as words
    from worse
    cross join windows
    cross join settings
    where worse.worse_count >= settings.engagement_decline_least
),

evidence as (
    select * from observed
    union all
    select * from came
    union all
    select * from went
    union all
    select * from competing
    union all
    select * from incidents
    union all
    select * from uptime_drops
    union all
    select * from declines
)

select
    evidence.account_id,
    evidence.factor,
    evidence.kind,
    evidence.record_id,
    evidence.happened_on,
    {{ days_between('evidence.happened_on', 'windows.as_of_date') }} as age_days,
    evidence.words
from evidence
cross join windows
