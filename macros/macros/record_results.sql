{# Write down how this invocation of dbt went, in the state schema, so that a sync on another machine can know
   it without dbt's artifacts. For `on-run-end`.

   `dbt_invocations` has a row for each invocation, written last: an invocation without one is not complete.
   `dbt_results` has a row for each of its nodes, and for each source whose freshness was judged. Both keep the
   last `keep` invocations of each project and target. Recording one twice is as recording it once. Of error
   messages only dbt's own first line is kept, since a database may quote the values that it stumbled over.

   The columns are described in models/sources.yml. #}
{% macro record_results(results, keep=100) %}
    {#- dbt runs its hooks after commands that carry nothing out, too. -#}
    {%- if execute and flags.WHICH in ('build', 'run', 'test', 'seed', 'snapshot', 'freshness', 'retry') -%}
        {%- set invocations = dbt_activate.result_relation('dbt_invocations') -%}
        {#- Postgres asks for the right to make a schema, or a table, even where it is there. -#}
        {%- if not adapter.check_schema_exists(invocations.database, invocations.schema) -%}
            {%- do adapter.create_schema(invocations) -%}
        {%- endif -%}
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
    {%- set nth = "row_number() over (partition by project, target order by generated_at desc, invocation_id)" -%}
    {%- set counted = "(select invocation_id, " ~ nth ~ " as nth from " ~ invocations ~ ") as counted" -%}
    {%- set old = "where invocation_id in (select invocation_id from " ~ counted ~ " where nth > " ~ keep ~ ")" -%}
    {%- set statements = [] -%}
    {%- for table in (invocations, nodes) -%}
        {%- if dbt_activate.state_table(table.identifier) is none -%}
            {%- do statements.append(dbt_activate.create_state_table(table)) -%}
        {%- endif -%}
        {%- do statements.append("delete from " ~ table ~ " " ~ this_one) -%}
    {%- endfor -%}
    {%- for rows in dbt_activate.result_rows(results) | batch(500) -%}
        {%- do statements.append("insert into " ~ nodes ~ " values\n" ~ rows | join(",\n")) -%}
    {%- endfor -%}
    {%- do statements.append("insert into " ~ invocations ~ " values\n" ~ dbt_activate.invocation_row(results)) -%}
    {#- The results first: without their invocation nobody would ever find them. -#}
    {%- do statements.append("delete from " ~ nodes ~ " " ~ old) -%}
    {%- do statements.append("delete from " ~ invocations ~ " " ~ old) -%}
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
            result.failures if result.failures is defined else none,
            dbt_activate.kept_message(result.message),
            result.timing[-1].completed_at if result.timing else none,
            tojson(depends_on),
        ])) -%}
    {%- endfor -%}
    {{ return(rows) }}
{% endmacro %}

{% macro invocation_row(results) %}
    {{ return(dbt_activate.row_literal([
        invocation_id, project_name, target.name, dbt_activate.recorded_command(), dbt_version,
        modules.datetime.datetime.now(modules.pytz.utc).replace(tzinfo=none), results | length,
    ])) }}
{% endmacro %}

{# dbt's command, with the flag by which it built from a part of the rows, if it did. #}
{% macro recorded_command() %}
    {%- for flag in ('empty', 'sample') if invocation_args_dict.get(flag) -%}
        {{ return(flags.WHICH ~ ' --' ~ flag) }}
    {%- endfor -%}
    {{ return(flags.WHICH) }}
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
