{# What there is to know of a type of identifier; the same as dbt-activate itself knows.

   A pattern is of a whole, valid, normalised value. In the e-mail's, what is no ASCII is written as all but
   the other ASCII characters, which every engine understands. #}
{% macro identifier_type(name) %}
    {%- set label_end = '[^\\x00-/:-`{-\\x7f]' -%}
    {%- set label = '[^\\x00-,./:-`{-\\x7f]' -%}
    {%- set visible = {'pattern': '[!-~]+', 'longest': 512} -%}
    {%- set types = {
        'email': {
            'pattern': '[^\\x00-\\x20\\x7f@<>()\\[\\],;:\\\\"]{1,64}@(?:' ~ label_end ~ '(?:' ~ label ~ '{0,61}' ~ label_end
                ~ ')?\\.)+' ~ label ~ '{2,63}',
            'folds_case': true,
            'hashable': true,
        },
        'madid': {
            'pattern': '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}',
            'nobody': '00000000-0000-0000-0000-000000000000',
        },
        'phone_number': {'pattern': '\\+?[0-9]{7,15}', 'hashable': true},
        'customer_id': {'pattern': '[^\\x00-\\x1f\\x7f]+', 'longest': 512},
        'identity_link': visible,
        'gum': visible,
        'user_identifier': visible,
        'user_id': {'pattern': '[^\\x00-\\x1f\\x7f-\\x9f]+', 'longest': 512},
        'anonymous_id': {'pattern': '[^\\x00-\\x1f\\x7f-\\x9f]+', 'longest': 512},
    } -%}
    {%- if name not in types -%}
        {{ exceptions.raise_compiler_error(
            "dbt_activate: there is no identifier type " ~ name ~ ". Known are " ~ types | join(', ') ~ "."
        ) }}
    {%- endif -%}
    {{ return(types[name]) }}
{% endmacro %}
