{{ config(materialized='view') }}

with
tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

accounts as (
    select * from {{ ref('fct_account_signals') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

known as (
    {{ streams_known(['tickets']) }}
)

select
    tickets.ticket_id,
    tickets.account_id,
    tickets.priority,
    tickets.topic,
    tickets.is_incident,
    tickets.escalated,
    tickets.sla_met,
    tickets.csat,
    tickets.sentiment as ticket_sentiment,
    tickets.solved_at is null as is_open,
    {{ days_between('tickets.created_on', 'run.as_of_date') }} as age_days,
    {{ days_between('tickets.solved_on', 'run.as_of_date') }} as days_since_solved,
    accounts.segment,
    accounts.lifecycle,
    accounts.final_status,
    accounts.tier,
    accounts.score,
    accounts.arr,
    accounts.days_to_renewal,
    accounts.acts_on_probability,
    accounts.is_churned
from tickets
cross join run
cross join known
inner join accounts on tickets.account_id = accounts.account_id
where known.tickets_known
