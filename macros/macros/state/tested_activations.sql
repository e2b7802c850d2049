{# The keys of the activations of the model that a generic test is attached to: `<destination>.<name>`.

   `only` restricts them to one, by name or by key. Those that are switched off are left out, so there may be
   none. #}
{% macro tested_activations(only=none) %}
    {%- set tested = graph.nodes[model.attached_node] -%}
    {%- set meta = tested.config.meta or {} -%}
    {%- set declared = meta.get('activation') -%}
    {%- set defaults = meta.get('activation_defaults') or {} -%}
    {%- set keys, found = [], [] -%}
    {%- for given in (declared if dbt_activate.is_list(declared) else [declared]) if given -%}
        {%- set settings = given if given is mapping else ({'destination': given} if given is string else {}) -%}
        {%- set name = settings.get('name') or defaults.get('name') or dbt_activate.versioned_name(tested) -%}
        {%- set key = (settings.get('destination') or defaults.get('destination')) ~ '.' ~ name -%}
        {%- if only in (none, name, key) -%}
            {%- do found.append(key) -%}
            {%- if settings.get('enabled', defaults.get('enabled')) is not false -%}
                {%- do keys.append(key) -%}
            {%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if not found and declared is not false -%}
        {{ exceptions.raise_compiler_error(
            "dbt_activate: " ~ tested.name ~ " has no activation" ~ (" " ~ only if only is not none else "")
            ~ " in config.meta, so there is nothing to test."
        ) }}
    {%- endif -%}
    {{ return(keys) }}
{% endmacro %}

{% macro versioned_name(node) %}
    {{ return(node.name if node.version is none else node.name ~ '_v' ~ node.version) }}
{% endmacro %}
