with
standing as (
    select * from {{ ref('int_accounts__standing') }}
    where is_scored
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

tickets as (
    select * from {{ ref('int_tickets__by_account') }}
),

activities as (
    select * from {{ ref('int_activities__by_account') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

signals as (
    select * from {{ ref('int_signals__by_account') }}
),

opportunities as (
    select * from {{ ref('int_opportunities__by_account') }}
),

surveys as (
    select * from {{ ref('int_surveys__by_account') }}
),

known as (
    {{ streams_known(['tickets', 'activities', 'usage', 'signals', 'opportunities', 'survey_responses']) }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__score_settings') }}
),

customers as (
    select
        standing.account_id,
        standing.segment_key,
        accounts.reference_customer,
        accounts.sla_target_pct,
        {{ days_between('coalesce(accounts.customer_since, standing.first_contract_start)', 'run.as_of_date') }}
            as tenure_days,
        known.*,
        settings.*
    from standing
    inner join accounts on standing.account_id = accounts.account_id
    cross join known
    cross join run
    cross join settings
),

-- A stream that may not be used leaves its columns blank, and what is made of blanks is missing.
measured as (
    select
        customers.account_id,
        customers.segment_key,
        case
            when customers.tickets_known
                then
                    {{ per_month(
                        'coalesce(tickets.ticket_volume_tickets, 0)',
                        'customers.ticket_volume_days',
                        'customers.days_per_month'
                    ) }}
        end as ticket_volume,
        case
            when customers.tickets_known
                then
                    coalesce(
                        {{ percentage('tickets.escalation_rate_escalated', 'tickets.escalation_rate_tickets') }}, 0
                    )
        end as escalation_rate,
        case
            when customers.tickets_known
                then {{ mean_hours('tickets.resolution_microseconds', 'tickets.resolution_hours_tickets') }}
        end as resolution_hours,
        case
            when customers.tickets_known
                then {{ percentage('tickets.sla_adherence_met', 'tickets.sla_adherence_tickets') }}
        end as sla_adherence,
        case when customers.tickets_known then {{ divide_exact('tickets.csat_sum', 'tickets.csat_tickets') }} end
            as csat,
        case
            when customers.activities_known
                then {{ percentage('activities.qbr_attendance_completed', 'activities.qbr_attendance_qbrs') }}
        end as qbr_attendance,
        case
            when customers.activities_known
                then {{ divide_exact('activities.email_response_hours_sum', 'activities.email_response_hours_emails') }}
        end as email_response_hours,
        case
            when customers.usage_known
                then
                    {{ per_month(
                        'usage.portal_logins_sum',
                        'customers.portal_logins_days',
                        'customers.days_per_month'
                    ) }}
        end as portal_logins,
        case
            when customers.activities_known
                then
                    {{ percentage('activities.meeting_acceptance_accepted', 'activities.meeting_acceptance_meetings') }}
        end as meeting_acceptance,
        case when customers.usage_known then {{ divide_exact('usage.capacity_sum', 'usage.capacity_rows') }} end
            as capacity_utilisation,
        -- The difference is rounded, not the mean that it is made of.
        case
            when customers.usage_known
                then
                    {{ divide_exact(
                        'usage.uptime_sum - customers.sla_target_pct * usage.uptime_rows', 'usage.uptime_rows'
                    ) }}
        end as uptime_vs_sla,
        case
            when customers.usage_known
                then {{ divide_exact(
                        '100 * cast(usage.latest_services_used as decimal(22, 6))', 'usage.latest_services_contracted'
                    ) }}
        end as service_adoption,
        case
            when customers.usage_known
                then
                    {{ divide_exact(
                        '100 * (usage.users_sum * usage.users_before_rows - usage.users_before_sum * usage.users_rows)',
                        'usage.users_before_sum * usage.users_rows'
                    ) }}
        end as usage_trend,
        {{ divide_exact('customers.tenure_days', 'customers.days_per_year') }} as tenure_years,
        case when customers.opportunities_known then coalesce(opportunities.expansions_won, 0) end as expansions,
        case when customers.reference_customer then 1 else 0 end as reference,
        case when customers.survey_responses_known then surveys.nps end as nps,
        case
            when customers.activities_known then {{ divide_exact('activities.tone_sum', 'activities.tone_activities') }}
        end as tone,
        case when customers.tickets_known then coalesce(tickets.escalations_tickets, 0) end as escalations,
        case when customers.signals_known then coalesce(signals.competitive_signals, 0) end as competitive,
        case when customers.signals_known then coalesce(signals.budget_pressure_signals, 0) end as budget_pressure,
        tickets.ticket_volume_tickets as ticket_volume_records,
        tickets.escalation_rate_tickets as escalation_rate_records,
        tickets.resolution_hours_tickets as resolution_hours_records,
        tickets.sla_adherence_tickets as sla_adherence_records,
        tickets.csat_tickets as csat_records,
        activities.qbr_attendance_qbrs as qbr_attendance_records,
        activities.email_response_hours_emails as email_response_hours_records,
        usage.portal_logins_rows as portal_logins_records,
        activities.meeting_acceptance_meetings as meeting_acceptance_records,
        usage.capacity_rows as capacity_utilisation_records,
        usage.uptime_rows as uptime_vs_sla_records,
        1 as service_adoption_records,
        usage.users_rows + usage.users_before_rows as usage_trend_records,
        1 as tenure_years_records,
        opportunities.expansions_won as expansions_records,
        1 as reference_records,
        1 as nps_records,
        activities.tone_activities as tone_records,
        tickets.escalations_tickets as escalations_records,
        signals.competitive_signals as competitive_records,
        signals.budget_pressure_signals as budget_pressure_records
    from customers
    left join tickets on customers.account_id = tickets.account_id
    left join activities on customers.account_id = activities.account_id
    left join usage on customers.account_id = usage.account_id
    left join signals on customers.account_id = signals.account_id
    left join opportunities on customers.account_id = opportunities.account_id
    left join surveys on customers.account_id = surveys.account_id
)

select
    account_id,
    segment_key,
    {%- for measure in score_measure_names() %}
        {{ within_bands(measure) }} as {{ measure }},
    {%- endfor %}
{%- for measure in score_measure_names() %}
    cast(case when {{ measure }} is null then 0 else coalesce({{ measure }}_records, 0) end as int)
        as {{ measure }}_records{{ "," if not loop.last }}
{%- endfor %}
from measured
