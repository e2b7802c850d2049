{# Write down how this invocation of dbt went, in the state schema, so that a sync on another machine can know
   it without dbt's artifacts. For `on-run-end`.

   `dbt_invocations` has a row for each invocation, written last: an invocation without one is not complete.
   `dbt_results` has a row for each of its nodes, and for each source whose freshness was judged. Both keep the last `keep` invocations. Recording one twice
   is as recording it once. Of error messages only dbt's own first line is kept, since a database may quote
   the values that it stumbled over.

   The columns are described in models/sources.yml. #}
{% macro record_results(results, keep=100) %}
    {#- dbt runs its hooks after commands that carry nothing out, too. -#}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot', 'freshness', 'retry') -%}
        {%- do adapter.create_schema(dbt_activate.result_relation('dbt_invocations')) -%}
        {%- for sql in dbt_activate.record_statements(results, keep) -%}
            {%- call statement('record_results', auto_begin=true) -%}{{ sql }}{%- endcall -%}
        {%- endfor -%}
        {%- do adapter.commit() -%}
    {%- endif -%}
{% endmacro %}

{% macro record_statements(results, keep) %}
    {%- set invocations = dbt_activate.result_relation('dbt_invocations') -%}
    {%- set nodes = dbt_activate.result_relation('dbt_results') -%}
    {%- set this_one = "where invocation_id = " ~ dbt_activate.literal(invocation_id) -%}
    {%- set old = "where invocation_id not in (select invocation_id from " ~ invocations ~ " order by generated_at desc, invocation_id limit " ~ keep ~ ")" -%}
    {%- set statements = [
        dbt_activate.create_state_table(invocations),
        dbt_activate.create_state_table(nodes),
        "delete from " ~ invocations ~ " " ~ this_one,
        "delete from " ~ nodes ~ " " ~ this_one,
    ] -%}
    {%- for rows in dbt_activate.result_rows(results) | batch(500) -%}
        {%- do statements.append("insert into " ~ nodes ~ " values\n" ~ rows | join(",\n")) -%}
    {%- endfor -%}
    {%- do statements.append("insert into " ~ invocations ~ " values\n" ~ dbt_activate.invocation_row(results)) -%}
    {%- do statements.append("delete from " ~ invocations ~ " " ~ old) -%}
    {%- do statements.append("delete from " ~ nodes ~ " " ~ old) -%}
    {{ return(statements) }}
{% endmacro %}

{% macro result_relation(name) %}
    {{ return(api.Relation.create(database=target.database, schema=dbt_activate.state_schema(), identifier=name)) }}
{% endmacro %}

{% macro create_state_table(relation) %}
    {%- set columns = [] -%}
    {%- for column in graph.sources['source.dbt_activate.dbt_activate.' ~ relation.identifier].columns.values() -%}
        {%- do columns.append(column.name ~ " " ~ dbt_activate.column_type(column.data_type)) -%}
    {%- endfor -%}
    {{ return("create table if not exists " ~ relation ~ " (" ~ columns | join(', ') ~ ")") }}
{% endmacro %}

{% macro result_rows(results) %}
    {%- set rows = [] -%}
    {%- for result in results -%}
        {%- set depends_on = (result.node.depends_on.nodes | default([])) | unique | list -%}
        {%- do rows.append(dbt_activate.row_literal([
            invocation_id,
            result.node.unique_id,
            result.node.resource_type | string,
            result.status | string | lower,
            result.failures,
            dbt_activate.kept_message(result.message),
            result.timing[-1].completed_at if result.timing else none,
            tojson(depends_on),
        ])) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}

{% macro invocation_row(results) %}
    {{ return(dbt_activate.row_literal([
        invocation_id, project_name, target.name, flags.WHICH, dbt_version,
        modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none), results | length,
    ])) }}
{% endmacro %}

{% macro row_literal(values) %}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(dbt_activate.literal(value)) -%}
    {%- endfor -%}
    {{ return("(" ~ literals | join(', ') ~ ")") }}
{% endmacro %}

{# Of an error, the line in which dbt says what kind it was and where; of all else, what dbt itself counted. #}
{% macro kept_message(message) %}
    {%- set line = (message or '').strip().split('\n')[0] -%}
    {%- set own = '(\\w+ )*Error in [\\w ]+ \\([^()]*\\)|Got \\d+ results?, configured to (fail|warn) if [<>=! \\d]+|[A-Z]+( [A-Z]+)*( [\\d.]+k?)?' -%}
    {{ return(line if modules.re.fullmatch(own, line) else none) }}
{% endmacro %}
