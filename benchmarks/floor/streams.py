"""One row an account and stream: everything that scores, risks, offers and expansions read of it, in one pass each.

Ids that occur twice are looked for in activities alone, and account names too, which is where generated files have
them. Sums are doubles: `exact` takes off what they leave behind the twelfth decimal.
"""

from __future__ import annotations

TICKETS = """
create table ticket_sums as
with known as (
    select
        *, created_at::date as created_on, case when solved_at::date <= as_of then solved_at end as ended_at,
        created_at::date > as_of - 90 as is_new, as_of
    from landed_tickets, policy
    where created_at::date <= as_of
)
select
    account_id,
    count(*) filter (is_new) as made,
    count(*) filter (is_new and escalated) as escalated,
    count(sla_met) filter (is_new) as sla_said,
    count(*) filter (is_new and sla_met) as sla_kept,
    count(csat) filter (is_new) as csat_said,
    sum(csat::double) filter (is_new) as csat_sum,
    count(*) filter (ended_at::date > as_of - 90 and ended_at >= created_at) as solved,
    sum(epoch_us(ended_at) - epoch_us(created_at)) filter (ended_at::date > as_of - 90 and ended_at >= created_at)
        as solving_us,
    count(*) filter (ended_at is null) as still_open,
    count(*) filter (is_new and priority = 'urgent' and is_incident) as urgent_incidents
from known
group by account_id;
"""

# Ids are compared by their hashes first: twice the same hash is rare, so that few rows need to be told apart.
ACTIVITIES = """
create table repeated as select hash(activity_id) as h from landed_activities group by 1 having count(*) > 1;

create table activity_sums as
with seen as (
    select
        activity_id, account_id, account_name, occurred_at::date as day, type, status, response_hours, accepted,
        sentiment, _row, hash(activity_id) as h
    from landed_activities, policy
    where occurred_at::date between as_of - 364 and as_of
        and (type in ('qbr', 'email', 'meeting') or sentiment is not null)
),
once as (
    select * from seen where h not in (from repeated)
    union all
    select * from seen where h in (from repeated)
    qualify row_number() over (partition by activity_id order by _row desc) = 1
),
told as (
    select
        account_id, account_name,
        type = 'qbr' and status in ('completed', 'declined', 'no_show') as is_qbr,
        type = 'qbr' and status = 'completed' as is_held,
        case when type = 'email' then response_hours::double end as hours,
        case when type = 'meeting' then accepted end as accepted,
        sentiment::double as sentiment,
        day > as_of - 90 as is_now,
        day between as_of - 179 and as_of - 90 as is_before
    from once, policy
),
named as (
    select
        account_id, account_name,
        count(*) filter (is_qbr) as qbrs, count(*) filter (is_held) as held,
        count(*) filter (is_qbr and is_now) as qbrs_now, count(*) filter (is_held and is_now) as held_now,
        count(*) filter (is_qbr and is_before) as qbrs_before, count(*) filter (is_held and is_before) as held_before,
        count(hours) filter (is_now) as mails_now, sum(hours) filter (is_now) as hours_now,
        count(hours) filter (is_before) as mails_before, sum(hours) filter (is_before) as hours_before,
        count(accepted) filter (is_now) as meetings, count(*) filter (is_now and accepted) as accepted,
        count(sentiment) filter (is_now) as tones, sum(sentiment) filter (is_now) as tone_sum
    from told
    group by account_id, account_name
)
select
    coalesce(by_id.account_id, by_name.account_id) as account_id,
    sum(columns(n.* exclude (account_id, account_name)))
from named n
left join known_accounts by_id on by_id.account_id = n.account_id
left join (
    select account_name, any_value(account_id) as account_id from known_accounts group by 1 having count(*) = 1
) by_name on by_name.account_name = n.account_name
group by 1;
"""

USAGE = """
create table usage_sums as
with seen as (
    select
        account_id, usage_date, active_users::double as users, seats, logins::double as logins,
        capacity_used_pct::double as capacity, uptime_pct::double as uptime, services_used, services_contracted,
        usage_date > as_of - 28 as in_28, usage_date > as_of - 90 as in_90,
        usage_date between as_of - 55 and as_of - 28 as in_28_before,
        date_diff('month', usage_date, as_of + 1) as months_ago
    from landed_usage, policy
    where usage_date between as_of - 179 and as_of
)
select
    account_id,
    count(logins) filter (in_90) as login_rows,
    sum(logins) filter (in_90) as logins_now,
    sum(logins) filter (not in_90) as logins_before,
    count(capacity) filter (in_28) as capacity_rows,
    avg(capacity) filter (in_28) as capacity,
    avg(capacity) filter (months_ago = 1) as capacity_last_month,
    avg(capacity) filter (months_ago = 2) as capacity_month_before,
    count(uptime) filter (in_90) as uptime_rows,
    avg(uptime) filter (in_90) as uptime,
    avg(uptime) filter (in_28) as uptime_now,
    avg(uptime) filter (in_28_before) as uptime_before,
    count(users) filter (in_28) + count(users) filter (in_28_before) as user_rows,
    avg(users) filter (in_28) as users_now,
    avg(users) filter (in_28_before) as users_before,
    arg_max({'users': users, 'seats': seats, 'used': services_used, 'contracted': services_contracted}, usage_date)
        filter (in_28) as latest,
    arg_min(seats, usage_date) filter (in_90 and seats > 0) as first_seats
from seen
group by account_id;
"""

SIGNALS = """
create table signal_sums as
with seen as (
    select
        *, observed_on > as_of - 90 as in_90, observed_on > as_of - 180 as in_180,
        signal_type = 'blocker' and (resolved_on is null or resolved_on > as_of) as is_blocking
    from landed_signals, policy
    where observed_on <= as_of
)
select
    account_id,
    count(*) filter (in_90 and signal_type in ('rfp', 'competitor_mention', 'pricing_comparison')) as competitive,
    count(*) filter (in_90 and signal_type in ('budget_pressure', 'pricing_inquiry', 'cost_reduction')) as budget,
    coalesce(bool_or(in_90 and signal_type = 'rfp'), false) as has_rfp,
    coalesce(bool_or(in_90 and signal_type = 'executive_complaint'), false) as has_complaint,
    coalesce(bool_or(in_90 and signal_type = 'outage'), false) as has_outage,
    coalesce(bool_or(in_180 and signal_type = 'leadership_change'), false) as has_new_leader,
    coalesce(bool_or(in_180 and signal_type = 'feature_request'), false) as has_request,
    coalesce(max(case when not is_blocking then 0 when severity = 'major' then 2 else 1 end), 0) as blocker
from seen
group by account_id;
"""

REST = """
create table deal_sums as
select
    account_id,
    count(*) filter (type = 'expansion' and is_won and close_date <= as_of) as expansions,
    max(contract_end_date) filter (is_won and (close_date is null or close_date <= as_of)) as won_until,
    coalesce(bool_or(
        competitor is not null
        and (close_date > as_of or not (coalesce(is_closed, false) or coalesce(is_won, false)))
    ), false) as has_rival
from landed_opportunities, policy
where created_on <= as_of
group by account_id;

create table answers as
select account_id, arg_max(score, {'day': responded_on, 'id': survey_id}) as nps
from landed_survey_responses, policy
where responded_on between as_of - 364 and as_of and sent_on <= as_of and score is not null
group by account_id;

create table leaders_changed as
select distinct account_id
from (
    select
        *, min(coalesce(started_on, date '0001-01-01')) over (partition by account_id, role) as first_started_on
    from landed_contacts
    where role in ('executive', 'technical')
), policy
where ended_on between as_of - 179 and as_of
    or (started_on between as_of - 179 and as_of and first_started_on < started_on);

create table calls as
select account_id, upper(call.status) as status
from (
    select
        account_id,
        arg_max(
            {'status': status, 'until': least(expires_on, called_at::date + 90)}, {'at': called_at, 'id': call_id}
        ) as call
    from landed_csm_calls, policy
    where called_at::date <= as_of
    group by account_id
), policy
where call.status <> 'withdrawn' and call.until >= as_of;

create table unpaid as
select distinct account_id
from landed_invoices, policy
where issued_on between as_of - 89 and as_of
    and (
        case when paid_on > as_of then 'open' else coalesce(status, 'open') end in ('failed', 'disputed')
        or (
            (paid_on > as_of or (paid_on is null and coalesce(status, 'open') <> 'paid')) and due_on <= as_of - 30
        )
    );
"""

STEPS = {
    "tickets": TICKETS,
    "activities": ACTIVITIES,
    "usage": USAGE,
    "signals": SIGNALS,
    "opportunities, surveys, contacts, calls, invoices": REST,
}
