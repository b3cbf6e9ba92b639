"""The five health-check tables."""

from __future__ import annotations

TARGETS = """
create table targets as
with due as (
    select *, 'post_start' as milestone, start_date as anchor_date, start_date + after_start as due_date,
        start_opens as opens, start_closes as closes
    from known_contracts, policy where end_date - start_date >= minimum_start
    union all
    select *, 'pre_end', end_date, end_date + before_end, end_opens, end_closes
    from known_contracts, policy where end_date - start_date >= minimum_end
),
windows as (
    select *, greatest(due_date - opens, start_date) as opens_on, least(due_date + closes, end_date) as closes_on
    from due
),
followed as (
    -- two milestones a contract: the next row is the next milestone, unless both are due on one day
    select *, case when lead(due_date) over later > due_date then lead(opens_on) over later end as next_opens_on
    from windows
    window later as (partition by contract_id order by due_date)
),
spans as (
    select *, greatest(closes_on, least(end_date, coalesce(next_opens_on - 1, end_date))) as expires_on from followed
),
fits as (
    select
        contract_id, milestone, day <= closes_on as is_timely,
        arg_min({'id': activity_id, 'person': d.owner_name, 'day': day}, {'time': occurred_at, 'id': activity_id}
        ) as visit
    from spans inner join delivered d using (account_id)
    where day between opens_on and expires_on
    group by 1, 2, 3
),
kept as (
    select contract_id, milestone, is_timely, visit from fits
    qualify row_number() over (partition by contract_id, milestone order by is_timely desc) = 1
),
judged as (
    select
        s.*, a.account_name, a.owner_name, a.geo, a.region, a.segment,
        visit.id as completing_activity_id, visit.person as completed_by, visit.day as completed_on,
        case
            when is_timely then 'completed'
            when not is_timely then 'completed_late'
            when as_of > expires_on then 'missed'
            when start_date > as_of or is_churned then 'not_applicable'
            when as_of > due_date then 'past_due'
            when as_of >= opens_on or quarter_of(due_date) = quarter_of(as_of) then 'pending'
            when quarter_of(due_date) between quarter_of(as_of) + 1 and quarter_of(as_of) + horizon_quarters
                then 'upcoming'
            else 'beyond_horizon'
        end as status
    from spans s
    inner join known_accounts a using (account_id)
    left join kept using (contract_id, milestone)
)
select
    contract_id || ':' || milestone as target_id, contract_id, milestone, account_id, account_name, product,
    anchor_date, due_date, opens_on as window_opens_on, closes_on as window_closes_on, expires_on, status,
    due_date - as_of as days_to_due, as_of between opens_on and closes_on as in_window,
    completed_on, completed_by, completing_activity_id, amount, source_amount, source_currency,
    owner_name, geo, region, segment
from judged;
"""

CANDIDATES = """
create table candidates as
select
    row_number() over (order by
        case status when 'past_due' then 1 when 'pending' then 2 else 3 end,
        amount desc, due_date, contract_id, milestone) as rank,
    *
from targets
where status in ('past_due', 'pending', 'upcoming');
"""

ACCOUNTS = """
create table accounts as
select
    account_id, count(*) as candidate_count, sum(amount) as candidate_amount, min(due_date) as next_due_date,
    arg_min(status, rank) as most_urgent_status
from candidates
group by account_id;
"""

INFLUENCE = """
create table influence as
with deals as (
    select
        o.opportunity_id, o.account_id, created_on, round(o.amount * r.rate, 2)::decimal(18, 2) as amount,
        case
            when not coalesce(is_closed, false) and not coalesce(is_won, false) or close_date > as_of then 'open'
            when coalesce(is_won, false) then 'won'
            else 'lost'
        end as outcome
    from (
        select * from landed_opportunities
        qualify row_number() over (partition by opportunity_id order by _row desc) = 1
    ) o
    semi join known_accounts using (account_id)
    cross join policy
    inner join rates r
        on r.currency = coalesce(o.currency, 'USD')
        and least(as_of, created_on) >= r.valid_from and least(as_of, created_on) < r.valid_before
    where created_on <= as_of
),
links as (
    select deals.opportunity_id, activity_id
    from deals inner join delivered using (account_id), policy
    where created_on - day between 0 and influence_days
    union
    select opportunity_id, activity_id from deals inner join delivered using (opportunity_id)
)
select
    deals.opportunity_id, activity_id, d.owner_name as delivered_by,
    (row_number() over (partition by deals.opportunity_id order by occurred_at desc, activity_id desc) = 1)::int
        as credit_last_touch,
    round(1.0 / count(*) over (partition by deals.opportunity_id), 6)::decimal(9, 6) as credit_linear,
    amount, outcome
from links
inner join delivered d using (activity_id)
inner join deals on deals.opportunity_id = links.opportunity_id;
"""

PERFORMANCE = """
create table performance as
with due as (
    select t.*, date_trunc('quarter', due_date)::date as quarter_starts_on
    from targets t, policy
    where due_date <= as_of and status <> 'not_applicable'
),
cells as (
    select 'all' as dimension, 'all' as value, * from due
    union all select 'owner', coalesce(owner_name, '(none)'), * from due
    union all select 'geo', coalesce(geo, '(none)'), * from due
    union all select 'region', coalesce(region, '(none)'), * from due
),
counted as (
    select
        quarter_starts_on, dimension, value,
        count(*) as targets_due,
        count(*) filter (status = 'completed') as completed,
        count(*) filter (status = 'completed_late') as completed_late,
        count(*) filter (status = 'past_due') as past_due,
        count(*) filter (status = 'missed') as missed,
        median(completed_on - due_date)::decimal(9, 1) as median_days_to_delivery
    from cells
    group by all
),
brought as (
    select
        quarter_starts_on, dimension, value,
        sum(i.amount) filter (outcome = 'open') as influenced_pipeline,
        sum(i.amount) filter (outcome = 'won') as influenced_won
    from (select distinct quarter_starts_on, dimension, value, completing_activity_id as activity_id from cells)
    inner join influence i using (activity_id)
    where credit_last_touch = 1
    group by all
)
select counted.*, coalesce(influenced_pipeline, 0) as influenced_pipeline, coalesce(influenced_won, 0) as influenced_won
from counted left join brought using (quarter_starts_on, dimension, value);
"""

STEPS = {
    "targets": TARGETS,
    "candidates": CANDIDATES,
    "accounts": ACCOUNTS,
    "influence": INFLUENCE,
    "performance": PERFORMANCE,
}
