{#
  The rows of a landed stream that nothing downstream needs to doubt: rows that the source no longer has, or that the
  raw checks set aside, are left out, values they blanked are null, and account_id is resolved (own id, else matched name).

  stream: name of the stream. columns: its canonical columns to select, account_id aside.
  Grain: one row a landed row that was not set aside. Yields a subquery body, to stand as a CTE.
#}
{% macro usable_rows(stream, columns, has_account_reference=true) %}
    select
    {%- if has_account_reference %}
        coalesce(known_accounts.account_id, account_matches.account_id) as account_id,
    {%- endif %}
    {%- for column in columns %}
        case when effects.blank_{{ column }} is null then landed.{{ column }} end as {{ column }}{{ "," if not loop.last }}
    {%- endfor %}
    from {{ read_input(source('landing', stream)) }} as landed
    left join (
        select
            source,
            landed_row,
            max(case when effect in ('gone', 'set_aside') then 1 end) as is_left_out,
            {%- for column in columns %}
            max(case when effect = 'blank_value' and column_name = '{{ column }}' then 1 end) as blank_{{ column }}{{ "," if not loop.last }}
            {%- endfor %}
        from {{ ref('stg_quality__row_effects') }}
        where stream = '{{ stream }}'
        group by source, landed_row
    ) as effects
        on landed._source = effects.source and landed._row = effects.landed_row
    {%- if has_account_reference %}
    left join {{ ref('stg_landing__accounts') }} as known_accounts
        on landed.account_id = known_accounts.account_id
    left join {{ read_input(source('matching', 'account_matches')) }} as account_matches
        on landed.account_name = account_matches.account_name
    {%- endif %}
    where effects.is_left_out is null
{% endmacro %}
