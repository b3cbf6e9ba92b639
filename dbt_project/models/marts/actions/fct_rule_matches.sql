{{ config(materialized='view') }}

{%- set rows = {
    'account': ref('fct_account_signals'),
    'ticket': ref('fct_ticket_signals'),
    'contract': ref('fct_contract_signals'),
} %}

with
matches as (
    -- Without rules nothing matches.
    select
        account_id,
        account_id as subject,
        'account' as subject_kind,
        cast(null as {{ type_text() }}) as action,
        cast(null as {{ type_text() }}) as rule,
        cast(null as {{ type_text() }}) as priority,
        cast(null as {{ type_text() }}) as rationale,
        cast(null as {{ type_text() }}) as evidence
    from {{ rows['account'] }}
    where false
    {% for together in action_rules() %}
        union all
        select
            account_id,
            {{ together.grain }}_id as subject,
            '{{ together.grain }}' as subject_kind,
            '{{ together.action }}' as action,
            case
                {% for one in together.cases %}
                    when {{ one.when }} then '{{ one.rule }}'
                {% endfor %}
            end as rule,
            case
                {% for one in together.cases %}
                    when {{ one.when }} then '{{ one.priority }}'
                {% endfor %}
            end as priority,
            case
                {% for one in together.cases %}
                    {% for told in together.rules if told.rule == one.rule %}
                        when {{ one.when }} then {{ rationale_of(told.rationale) }}
                    {% endfor %}
                {% endfor %}
            end as rationale,
            case
                {% for one in together.cases %}
                    {% for told in together.rules if told.rule == one.rule %}
                        when {{ one.when }} then {{ evidence_of(told.evidence) }}
                    {% endfor %}
                {% endfor %}
            end as evidence
        from {{ rows[together.grain] }}
        where
            {% for one in together.cases %}
                {{ "or" if not loop.first }} ({{ one.when }})
            {% endfor %}
    {% endfor %}
)

select * from matches
