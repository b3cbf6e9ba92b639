{# Actions: the rules as the engine has them, modes as words, and the words of evidence and guards. #}

{#
  The rules of actions, from the environment: conditions are code, so they can't be joined like other policy. Only what
  runs needs them, so parsing does without.
#}
{% macro action_rules() -%}
    {{ return(fromjson(env_var('ACCOUNT_HEALTH_ACTION_RULES')) if execute else []) }}
{%- endmacro %}

{# A mode by its number: the more restrictive, the greater. #}
{% macro mode_words(number) -%}
    case {{ number }} when 1 then 'auto' when 2 then 'approve' when 3 then 'recommend' when 4 then 'suppress' end
{%- endmacro %}

{# How sensitive an action is that no rule calls for. #}
{% macro sensitivity_of(touches_price, reaches_customer) -%}
    case when {{ touches_price }} then 'high' when {{ reaches_customer }} then 'medium' else 'low' end
{%- endmacro %}

{# The guards that change a mode of their own accord, in the order in which they are told. #}
{% macro mode_guards() -%}
    {{ return([
        'churned', 'executive_complaint', 'major_blocker', 'red_status', 'churn_risk', 'low_confidence', 'renewal',
        'plan_review'
    ]) }}
{%- endmacro %}

{# Columns of the signals whose values are names of ours, at_risk or mid_market; others have names that people gave. #}
{% macro coded_columns() -%}
    {{ return(['tier', 'tier_before', 'written_tier', 'segment', 'lifecycle', 'root_cause']) }}
{%- endmacro %}

{# The value of a column as a rationale has it. kind: text, number or boolean. #}
{% macro value_words(column, kind) -%}
    {%- if kind == 'text' and column.split('.')[-1] | replace('"', '') in coded_columns() -%}
        coalesce({{ name_words(column) }}, 'none')
    {%- elif kind == 'text' -%}
        coalesce({{ column }}, 'none')
    {%- elif kind == 'number' -%}
        coalesce({{ number_words(column) }}, 'not known')
    {%- else -%}
        case when {{ column }} then 'yes' when not {{ column }} then 'no' else 'not known' end
    {%- endif -%}
{%- endmacro %}

{# Columns of a relation with their kinds (text, word, number, boolean, date) as a JSON object. Words need no escape. #}
{% macro evidence_of(columns, relation=none) -%}
    {%- set members = [] -%}
    {%- for name, kind in columns -%}
        {%- set value = (relation ~ '.' if relation else '') ~ name -%}
        {%- if kind in ('date', 'word') -%}
            {%- do members.append([name, "coalesce('\"' || cast(" ~ value ~ ' as ' ~ type_text() ~ ") || '\"', 'null')"]) -%}
        {%- else -%}
            {%- do members.append([name, json_string(value) if kind == 'text' else json_plain(value)]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ json_object_text(members) }}
{%- endmacro %}

{# A rationale from its pieces: texts, and columns with their kinds. #}
{% macro rationale_of(pieces) -%}
    {%- for piece, kind in pieces -%}
        {{ ' || ' if not loop.first }}{{ value_words(piece, kind) if kind else text_literal(piece) }}
    {%- endfor -%}
{%- endmacro %}

{# A guard as people read it: what it saw, and what it leaves. mode: the freest mode it leaves, as a number. #}
{% macro guard_words(name, seen, mode) -%}
    '{{ name }}: ' || {{ seen }} || case when {{ mode }} = 4 then ', so suppressed' else ', so at least ' || {{ mode_words(mode) }} end
{%- endmacro %}

{# The person of the account whom a field names; null where the field is. #}
{% macro person_of(field, t) -%}
    case {{ field }} when 'csm_name' then {{ t }}.csm_name when 'owner_name' then {{ t }}.owner_name when 'ae_name' then {{ t }}.ae_name end
{%- endmacro %}

{# The guards of an action in words, each after a semicolon: what holds it back, and how far. #}
{% macro action_guards(decided, accounts, settings) -%}
    {%- set a = accounts -%}
    {%- set s = settings -%}
    {%- set seen = {
        'churned': "'the account has churned'",
        'executive_complaint': "'a complaint of an executive is open'",
        'major_blocker': count_words(a ~ '.open_major_blockers', 'major blocker is open', 'major blockers are open'),
        'red_status': "'the account is ' || " ~ a ~ '.final_status',
        'churn_risk': "'churn probability of ' || " ~ number_words(a ~ '.acts_on_probability') ~ " || ' % is over ' || "
            ~ number_words(s ~ '.churn_risk_above') ~ " || ' %'",
        'low_confidence': "case when " ~ a ~ ".score is null then 'there is no score' else 'confidence is ' || "
            ~ a ~ '.confidence end',
        'renewal': "'renewal in ' || " ~ days_words(a ~ '.days_to_renewal'),
        'plan_review': "'a person reviews the plan before it runs'",
    } -%}
    {%- for guard in mode_guards() %}
    {%- set mode = s ~ '.' ~ guard ~ '_mode' -%}
    {%- if guard == 'major_blocker' -%}
        {%- set mode = 'case when ' ~ decided ~ '.is_blocked_outright then 4 else ' ~ mode ~ ' end' -%}
    {%- endif %}
    case when {{ decided }}.by_{{ guard }} then '; ' || {{ guard_words(guard, seen[guard], mode) }} else '' end ||
    {%- endfor %}
    case
        when {{ decided }}.is_capped
            then '; ' || {{ guard_words(
                'cap',
                "'over ' || " ~ count_words(s ~ '.cap_actions', 'automatic action', 'automatic actions') ~ " || ' in '"
                ~ ' || ' ~ days_words(s ~ '.cap_days'),
                s ~ '.cap_mode'
            ) }}
        else ''
    end
    || case
        when {{ decided }}.is_held_back
            then
                '; budget: the owner has ' || {{ count_words(s ~ '.budget_actions', 'new action', 'new actions') }}
                || ' today already, so held back'
        else ''
    end
{%- endmacro %}
