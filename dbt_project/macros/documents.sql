{# A text as the name of a folder or a file: letters, digits, - and _, at most 40 of them, and a hash of the whole. #}
{% macro file_slug(text) -%}
    substr({{ replace_pattern(text, text_literal('[^A-Za-z0-9_-]'), "'_'") }}, 1, 40)
    || '-' || substr({{ text_key([text]) }}, 1, 8)
{%- endmacro %}
