"""What happens between us and the customer: activities, contacts, signals, tickets, surveys, interventions, usage.

Everything is clean here; `dirt.py` plants the faults.
"""

from __future__ import annotations

CHECKS = """
create table clean_checks as
-- health checks by contract and milestone, delivered in time, late, outside their span, declined, or planned
with milestones as (
    select
        contract_id || '-' || milestone as target_key,
        account_id,
        product,
        start_date,
        end_date,
        case milestone when 'post_start' then start_date + 90 else end_date - 120 end as due_date,
        milestone,
        pick(contract_id || milestone, 'outcome', 100) as outcome
    from clean_contracts, (values ('post_start', 120), ('pre_end', 180)) m(milestone, minimum_term_days)
    where end_date - start_date >= minimum_term_days
        and account_id not in (select account_id from examples)
),
dated as (
    select
        *,
        case
            when outcome < 52 then due_date - 20 + pick(target_key, 'day', 45)
            when outcome < 62 then due_date + 31 + pick(target_key, 'day', 20)
            when outcome < 67 then due_date - 46 - pick(target_key, 'day', 20)
            when outcome < 74 then due_date - 10 + pick(target_key, 'day', 30)
            when outcome < 80 then due_date - 5 + pick(target_key, 'day', 20)
        end as day,
        case when outcome between 67 and 70 then 'declined' when outcome between 71 and 73 then 'no_show'
            else 'completed' end as said
    from milestones
    where outcome < 80
),
example_checks as (
    select * from (values
        ('harborview-in-time', 'harborview', 'Platform', as_of() - 80, 'completed', true),
        ('harborview-start', 'harborview', 'Platform', as_of() - 225, 'completed', true),
        ('northwind-start', 'northwind', 'Platform', as_of() - 180, 'completed', true),
        ('silverpeak-start', 'silverpeak', 'Platform', as_of() - 800, 'completed', true)
    ) c(target_key, account_id, product, day, status, has_attachment)
)
select
    target_key,
    account_id,
    product,
    day,
    -- what would lie ahead is either planned or not there at all
    case when day > as_of() then 'planned' when pick(target_key, 'silent', 5) = 0 and said = 'completed' then null
        else said end as status,
    day <= as_of() as has_attachment
from dated
left join (select account_id, churned_on from company) using (account_id)
where day > start_date - 60 and day <= coalesce(churned_on, day) and (day <= as_of() or (outcome % 2 = 0
    and day <= as_of() + 60))
union all
select target_key, account_id, product, day, status, has_attachment from example_checks;
"""

ACTIVITIES = """
create table open_opportunities as
select account_id, min(opportunity_id) as opportunity_id, arg_min(name, opportunity_id) as opportunity_name
from clean_opportunities
where not is_closed
group by account_id;

create table clean_activities as
with spells as (
    -- one in three failing accounts has gone quiet
    select
        *,
        coalesce(as_of() - churned_on, case when profile = 4 and chance(account_id, 'quiet', 35) then 52
            else 0 end)::int as quiet_days,
        -- the first owner has left: what happens there is logged by the CSM
        case when owner_name = words.owners[1] then csm_name else owner_name end as seller_name
    from company, words
    where not is_example
),
emails as (
    select
        account_id || '-e' || k as key, account_id, csm_name as person, 'email' as type,
        as_of() - quiet_days - 1 - pick(account_id || k, 'email_day', 190) as day,
        null::boolean as accepted, 'completed' as status,
        [14, 36, 58, 96][aspect(account_id, profile, 'mail')] * (60 + pick(account_id || k, 'hours',
            80)) / 100.0 as hours, profile, k
    from spells, range(14) r(k)
    where k < 8 + pick(account_id, 'emails', 6)
),
calls as (
    select
        account_id || '-c' || k, account_id, seller_name, 'call',
        as_of() - quiet_days - 1 - pick(account_id || k, 'call_day', 190), null, 'completed', null, profile, k
    from spells, range(6) r(k)
    where k < 2 + pick(account_id, 'calls', 4)
),
meetings as (
    select
        account_id || '-m' || k, account_id, csm_name, 'meeting',
        as_of() - quiet_days - 1 - pick(account_id || k, 'meeting_day', 190),
        chance(account_id || k, 'accepted', [93, 74, 52, 30][aspect(account_id, profile, 'meeting')]),
        'completed', null, profile, k
    from spells, range(7) r(k)
    where k < 3 + pick(account_id, 'meetings', 4)
),
qbrs as (
    select
        account_id || '-q' || k, account_id, csm_name, 'qbr',
        as_of() - quiet_days - 20 - (k * 91)::int - pick(account_id || k, 'qbr_day', 40), null,
        case
            when chance(account_id || k, 'qbr', [99, 85, 58, 30][aspect(account_id, profile, 'qbr')]) then 'completed'
            else one_of(['declined', 'no_show'], account_id || k, 'qbr_no')
        end,
        null, profile, k
    from spells, range(6) r(k)
),
planned as (
    select
        account_id || '-p' || k, account_id, csm_name, one_of(['meeting', 'call', 'qbr'], account_id || k, 'plan'),
        as_of() + 1 + pick(account_id || k, 'plan_day', 25), null, 'planned', null, profile, k
    from spells, range(2) r(k)
    where churned_on is null and chance(account_id || k, 'planned', 40)
),
talks as (
    select * from emails
    union all select * from calls
    union all select * from meetings
    union all select * from qbrs
    union all select * from planned
),
example_talks as (
    select
        account_id || '-' || type || day_offset as key, account_id, csm_name, type, as_of() - day_offset::int as day,
            accepted, status,
        hours, profile, day_offset as k
    from examples, (values
        ('email', 9, null, 'completed', 20.0), ('email', 27, null, 'completed', 26.0),
        ('email', 49, null, 'completed', 23.0), ('email', 110, null, 'completed', 22.0),
        ('meeting', 14, true, 'completed', null), ('meeting', 33, true, 'completed', null),
        ('meeting', 47, false, 'completed', null), ('call', 5, null, 'completed', null),
        ('qbr', 41, null, 'completed', null), ('qbr', 130, null, 'completed', null)
    ) talk(type, day_offset, accepted, status, hours)
    where account_id <> 'greensprout' or day_offset < 60
),
checks as (
    select
        target_key || '-hc' as key, account_id, case when pick(target_key, 'who', 5) < 3 then seller_name
            else csm_name end as person,
        case pick(target_key, 'type', 3) when 0 then 'meeting' when 1 then 'call' else 'other' end as type,
        day, null::boolean as accepted, status, null::double as hours, profile, 0 as k, product, has_attachment
    from clean_checks
    inner join (
        select account_id, csm_name, profile, case when owner_name = words.owners[1] then csm_name else owner_name end
            as seller_name
        from company, words
    ) using (account_id)
),
united as (
    select *, false as is_check, null as product, chance(key, 'attachment', 10) as has_attachment from talks
    union all
    select *, false, null, false from example_talks
    union all
    select
        key, account_id, person, type, day, accepted, status, hours, profile, k,
        true, product, has_attachment
    from checks
),
related as (
    select united.*, company.account_name, company.bare_name, company.is_example, open_opportunities.opportunity_id,
        open_opportunities.opportunity_name,
        -- four in ten come from the report people export: names for ids, its own way to write a time
        chance(key, 'report', 40) as is_report
    from united
    inner join company using (account_id)
    left join contract_facts using (account_id)
    left join open_opportunities using (account_id)
    where is_check or status = 'planned' or day >= first_start
)
select
    'V-' || key as activity_id,
    case when not is_report then account_id end as account_id,
    case
        when is_report and is_reused_name is null and not is_example and pick(key, 'written', 8) = 0
            then upper(bare_name) || '  Ltd.'
        when is_report then account_name
    end as account_name,
    case when is_check and not is_report then opportunity_id end as opportunity_id,
    case when is_check and is_report then opportunity_name end as opportunity_name,
    person as owner_name,
    case when not is_report then email_of(person) end as owner_email,
    type,
    case
        when is_check then one_of(words.check_subjects, key, 'subject') || case when pick(key, 'with', 3) = 0
            then ' – ' || product else '' end
        when type = 'qbr' then 'Quarterly business review'
        else one_of(words.other_subjects, key, 'subject')
    end as subject,
    case
        when is_report then strftime(day::timestamp + to_minutes((480 + pick(key, 'minute', 600))::bigint),
            '%Y-%m-%d-%H:%M')
        when pick(key, 'stamp', 12) = 0 then day::varchar
        else utc(day, 480 + pick(key, 'minute', 600))
    end as occurred_at,
    case when is_report then case when has_attachment then 'Y' else 'N' end
        else has_attachment::varchar end as has_attachment,
    case when is_check and opportunity_id is not null and pick(key, 'revenue', 2) = 0
        then '$' || (5 + pick(key, 'revenue', 60)) || 'K' end as revenue,
    null::varchar as revenue_currency,
    status,
    accepted,
    hours::decimal(9, 1) as response_hours,
    case
        when type in ('email', 'call', 'meeting') and status is distinct from 'planned' and (pick(key, 'heard',
            3) > 0 or is_example)
        then greatest(-1, least(1, [0.5, 0.2, -0.1, -0.45][aspect(account_id, profile, 'tone')] + (pick(key, 'tone',
            41) - 20) / 100.0))::decimal(4, 2)
    end as sentiment,
    is_check and status is distinct from 'planned' and status is distinct from 'declined' and status is distinct
        from 'no_show'
        as is_delivered_check,
    day,
    account_id as true_account_id,
    key,
    is_example,
    account_name as true_account_name
from related
left join (select account_id as reused_account_id, true as is_reused_name from shared_names)
    on account_id = reused_account_id
inner join words on true;
"""

CONTACTS = """
create table clean_contacts as
select
    'P-' || account_id || '-' || k as contact_id,
    account_id,
    ['executive', 'technical', 'business', 'other'][1 + k % 4] as role,
    case when k > 0 or pick(account_id, 'known_since', 4) > 0 then first_start + pick(account_id || k, 'joined',
        30) end as started_on,
    case
        when not is_example and chance(account_id || k, 'left', [1, 2, 5, 12][profile])
        then greatest(as_of() - 5 - pick(account_id || k, 'left_day', 300), first_start + 31)
    end as ended_on,
    is_example
from company
inner join contract_facts using (account_id)
inner join range(4) r(k) on k < 2 + pick(account_id, 'contacts', 3);
"""

SIGNALS = """
create table clean_signals as
with rates as (
    select * from (values
        ('leadership_change', [1, 3, 6, 12]), ('budget_pressure', [1, 5, 14, 26]), ('pricing_inquiry', [3, 6, 10, 10]),
        ('cost_reduction', [1, 2, 8, 15]), ('rfp', [0.5, 1, 4, 12]), ('competitor_mention', [1, 4, 12, 25]),
        ('pricing_comparison', [1, 2, 6, 10]), ('executive_complaint', [0.2, 1, 4, 14]), ('feature_request', [35, 30,
            15, 5]),
        ('blocker', [1, 6, 16, 32]), ('outage', [1, 3, 8, 14])
    ) rate(signal_type, percents)
),
drawn as (
    select
        'S-' || account_id || '-' || signal_type || k as signal_id,
        account_id,
        signal_type,
        as_of() - 1 - pick(account_id || signal_type || k, 'observed', 150) as observed_on,
        case
            when signal_type in ('blocker', 'outage')
            then case when chance(account_id || signal_type, 'major', 40) then 'major' else 'minor' end
        end as severity,
        profile
    from company, rates, range(2) r(k)
    where not is_example and churned_on is null and chance(account_id || signal_type || k, 'signal', percents[profile])
)
select
    signal_id,
    account_id,
    signal_type,
    observed_on,
    severity,
    case
        when signal_type in ('blocker', 'outage', 'executive_complaint') and observed_on < as_of() - 12
            and chance(signal_id, 'resolved', 65)
        then observed_on + 1 + pick(signal_id, 'resolved', 10)
    end as resolved_on,
    replace(signal_type, '_', ' ') || ' noted by the account team' as note,
    false as is_example
from drawn
union all
select
    'S-' || account_id || '-blocker', account_id, 'blocker', as_of() - 11, blocker, null,
    'blocker noted by the account team', true
from examples
where blocker is not null;
"""

TICKETS = """
create table clean_tickets as
with drawn as (
    select
        'T-' || account_id || '-' || k as ticket_id,
        account_id,
        aspect(account_id, profile, 'support') as level,
        coalesce(churned_on, as_of()) - pick(account_id || k, 'ticket_day', 180) as day,
        first_start
    from company
    inner join contract_facts using (account_id)
    inner join range(90) r(k)
        on not is_example
        and k < [5, 18, 40, 62][aspect(account_id, profile, 'volume')] * (50 + pick(account_id, 'tickets', 100)) / 100
),
timed as (
    select
        *,
        day::timestamp + to_minutes((pick(ticket_id, 'minute', 1380))::bigint) as created,
        [3.0, 7.0, 20.0, 46.0][level] * (20 + pick(ticket_id, 'hours', 160)) / 100 as hours,
        case
            when chance(ticket_id, 'urgent', [1, 2, 5, 9][level]) then 'urgent'
            else one_of(['low', 'normal', 'normal', 'normal', 'high'], ticket_id, 'priority')
        end as priority
    from drawn
    where day >= first_start and day <= as_of()
),
solved as (
    select
        *,
        case when chance(ticket_id, 'stuck', [0.5, 1, 3, 7][level]) then null
            else created + to_minutes((hours * 60)::bigint) end as solved
    from timed
),
example_tickets as (
    select
        account_id, n, csats[n] as csat, n > len(csats) as is_open,
        n - len(csats) <= urgent_tickets and n > len(csats) as is_urgent,
        (case when n > len(csats) then 4 + n - len(csats) else 5 + 5 * n end)::int as days_ago
    from examples, range(1, 16) r(n)
    where n <= len(csats) + open_tickets
)
select
    ticket_id,
    account_id,
    strftime(created, '%Y-%m-%dT%H:%M:%SZ') as created_at,
    case when solved < as_of() + interval 1 day then strftime(solved, '%Y-%m-%dT%H:%M:%SZ') end as solved_at,
    priority,
    priority = 'urgent' and pick(ticket_id, 'incident', 2) = 0 as is_incident,
    chance(ticket_id, 'escalated', [0.5, 2, 7, 14][level]) as escalated,
    case when pick(ticket_id, 'sla_said', 10) > 0 then chance(ticket_id, 'sla', [99, 94, 86, 72][level]) end as sla_met,
    case
        when solved < as_of() + interval 1 day and pick(ticket_id, 'answered', 10) < 4
        then greatest(1, least(5, [5, 4, 4, 3][level] + [-1, 0, 0, 0, 1][pick(ticket_id, 'csat', 5) + 1]))
    end as csat,
    case when pick(ticket_id, 'tone_said', 2) = 0
        then greatest(-1, least(1, [0.4, 0.15, -0.15, -0.5][level] + (pick(ticket_id, 'tone',
            41) - 20) / 100.0))::decimal(4, 2) end as sentiment,
    one_of(words.topics, ticket_id, 'topic') as topic,
    false as is_example
from solved, words
union all
select
    'T-' || account_id || '-' || n,
    account_id,
    utc(as_of() - days_ago, 540),
    case when not is_open then utc(as_of() - days_ago, 900) end,
    case when is_urgent then 'urgent' else 'normal' end,
    is_urgent,
    false,
    case when not is_open then true end,
    csat,
    case when not is_open then 0.10::decimal(4, 2) end,
    'how-to',
    true
from example_tickets;
"""

USAGE = """
create table clean_usage as
with shapes as (
    select
        company.account_id,
        users,
        profile,
        is_example,
        greatest(first_start, as_of() - 183) as from_day,
        coalesce(churned_on, as_of()) as to_day,
        [8.0, 1.0, -8.0, -20.0][aspect(company.account_id, profile, 'trend')] + pick(company.account_id, 'slope',
            7) - 3 as monthly_pct,
        [60, 52, 24, 9][aspect(company.account_id, profile, 'capacity')] + pick(company.account_id, 'capacity',
            32) as capacity,
        [0.03, -0.03, -0.3, -0.9][aspect(company.account_id, profile, 'uptime')] as uptime_gap,
        [36.0, 12.0, 6.0, 1.5][aspect(company.account_id, profile, 'logins')] as login_percent,
        4 + pick(company.account_id, 'services', 8) as contracted,
        [92, 70, 50, 30][aspect(company.account_id, profile, 'adoption')] as adoption,
        case when profile = 4 and chance(company.account_id, 'inactive', 25) then 30 + pick(company.account_id,
            'inactive', 20) else 0 end as idle_days,
        sla_target_pct,
        usage_factor,
        services_used,
        example_capacity
    from company
    inner join contract_facts using (account_id)
    inner join (select account_id, sla_target_pct from clean_accounts) using (account_id)
    left join (
        select account_id, usage_factor, services_used, capacity_used_pct as example_capacity from examples
    ) using (account_id)
    -- a few report no usage at all
    where is_example or not chance(company.account_id, 'unmetered', 4)
),
days as (
    select
        *,
        -- counted back from as_of, so that whole weeks line up with the windows of 28 days
        (as_of() - d::int) as usage_date,
        d,
        account_id || d as day_key,
        [110, 120, 110, 110, 100, 70, 80][1 + d % 7] / 100.0 as weekday
    from shapes
    inner join range(184) r(d) on as_of() - d::int between from_day and to_day
),
measured as (
    select
        *,
        case
            when is_example then users * weekday * case when d < 28 then usage_factor else 1 end
            when d < idle_days then 0
            else greatest(1, users * weekday * (1 + monthly_pct / 100) ** ((92 - d) / 28.0) * (97 + pick(day_key,
                'noise', 7)) / 100)
        end as active
    from days
)
select
    account_id,
    usage_date,
    round(active)::int as active_users,
    case when is_example then (users * 1.4)::int else greatest((users * 1.2)::int, round(active)::int) end as seats,
    case
        when is_example then (d % 5 = 0)::int
        when d < idle_days then 0
        else chance(day_key, 'login', login_percent)::int * (1 + pick(day_key, 'logins', 2))
    end as logins,
    case
        when is_example then example_capacity
        else least(140, capacity + (92 - d) / 30 + pick(day_key, 'load', 5))
    end::decimal(6, 1) as capacity_used_pct,
    case
        when is_example then least(100, sla_target_pct + 0.02)
        else greatest(95, least(100, sla_target_pct + uptime_gap + (pick(day_key, 'uptime', 9) - 4) / 100.0))
    end::decimal(7, 3) as uptime_pct,
    case when is_example then services_used else greatest(1,
        round(contracted * adoption / 100.0))::int end as services_used,
    case when is_example then 10 else contracted end as services_contracted,
    is_example,
    d
from measured;
"""

SURVEYS = """
create table clean_survey_responses as
with rounds as (
    select account_id, 'quarterly' as survey_type, as_of() - 15 - (k * 92)::int - pick(account_id, 'survey',
        60) as sent_on, k, profile, is_example, account_name,
        coalesce(as_of() - churned_on, 0)::int as quiet_days
    from company, range(4) r(k)
    union all
    select account_id, 'onboarding', first_start + 30, 9, profile, is_example, account_name,
        coalesce(as_of() - churned_on, 0)::int
    from company inner join contract_facts using (account_id)
    where first_start + 30 between as_of() - 300 and as_of()
),
sent as (
    select
        rounds.*,
        'N-' || account_id || '-' || survey_type || k as survey_id,
        [9, 8, 7, 4][aspect(account_id, profile, 'nps')] as level
    from rounds
    inner join contract_facts using (account_id)
    where sent_on between first_start and as_of() - quiet_days and not (is_example and k between 1 and 8)
)
select
    survey_id,
    account_name,
    survey_type,
    sent_on,
    case when (is_example or chance(survey_id, 'answers', 62)) and sent_on + 2 + pick(survey_id, 'reply',
        9) <= as_of() then sent_on + 2 + pick(survey_id, 'reply', 9) end as responded_on,
    case when (is_example or chance(survey_id, 'answers', 62)) and sent_on + 2 + pick(survey_id, 'reply', 9) <= as_of()
        then greatest(0, least(10, level + pick(survey_id, 'score', 4) - 2)) end as score,
    is_example
from sent;
"""

INTERVENTIONS = """
create table clean_interventions as
with opened as (
    select
        'R-' || account_id || '-' || k as intervention_id,
        account_id,
        one_of(words.strategies, account_id || k, 'strategy') as strategy,
        as_of() - 10 - pick(account_id || k, 'opened', 300) as opened_on,
        pick(account_id || k, 'outcome', 100) as outcome_draw,
        one_of(['adoption gap', 'support strain', 'disengagement', 'commercial risk'], account_id || k,
            'cause') as root_cause
    from company, words, range(2) r(k)
    where not is_example and profile >= 3 and stage <> 'onboarding' and chance(account_id || k, 'intervention', 30)
)
select
    intervention_id,
    account_id,
    strategy,
    opened_on,
    case when outcome_draw < 80 and opened_on + 45 + outcome_draw <= as_of()
        then opened_on + 45 + outcome_draw end as closed_on,
    case
        when outcome_draw < 80 and opened_on + 45 + outcome_draw <= as_of()
        then case when outcome_draw < 58 then 'recovered' else 'lost' end
        else 'open'
    end as outcome,
    root_cause
from opened;
"""

CALLS = """
create table out_csm_calls as
with called as (
    select
        'K-' || account_id as call_id,
        account_id,
        one_of(words.csms, account_id, 'call') as called_by,
        as_of() - 1 - pick(account_id, 'called', 60) as called_on,
        pick(account_id, 'opinion', 3) as opinion
    from company, words
    where not is_example and stage <> 'churned' and chance(account_id, 'call', 4)
)
select
    null::varchar as fault,
    call_id as record_key,
    call_id,
    account_id,
    ['GREEN', 'YELLOW', 'RED'][opinion + 1] as status,
    ['the sponsor told us they will renew', 'a new head of operations looks at every contract',
        'they have asked for their data back'][opinion + 1] as reason,
    called_by,
    called_on::varchar || 'T09:30Z' as called_at,
    (called_on + 45)::varchar as expires_on
from called;
"""
