{#
    Make each source of the group `reco` a view over its files.

    A source says in its YAML where its files are (`meta.files`, below the data
    folder) and how they are read (`meta.reader`); its columns say the types.
    Where no file is there yet, the view is empty and has the same types.
#}
{% macro create_source_views() -%}
    {%- if execute -%}
        {%- for source_node in graph.sources.values() | sort(attribute="name") if source_node.source_name == "reco" -%}
            create schema if not exists {{ source_node.schema }};
            create or replace view {{ source_node.schema }}.{{ source_node.identifier }} as
            {{ source_view_query(source_node) }};
        {% endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro source_view_query(source_node) -%}
    {%- set files = present_files(source_patterns(source_node.meta.files)) -%}
    {%- set columns = source_node.columns.values() -%}
    select
    {%- for column in columns %}
        {% if files %}{{ column.name }}{% else %}null{% endif %}::{{ column.data_type }} as {{ column.name }}
        {{- "," if not loop.last }}
    {%- endfor %}
    {% if files -%}
        from {{ read_files(source_node.meta.reader, files, columns) }}
    {%- else -%}
        where false
    {%- endif %}
{%- endmacro %}


{# One pattern, or one for each generation where the path names `GENERATION`. #}
{% macro source_patterns(files) -%}
    {%- set root = env_var("RECO_PATHS__DATA", "data") -%}
    {%- set patterns = [] -%}
    {%- if "GENERATION" in files -%}
        {%- for generation in listed_generations() -%}
            {%- do patterns.append(root ~ "/" ~ files | replace("GENERATION", generation)) -%}
        {%- endfor -%}
    {%- else -%}
        {%- do patterns.append(root ~ "/" ~ files) -%}
    {%- endif -%}
    {%- do return(patterns) -%}
{%- endmacro %}


{# The patterns that match a file, of those of all sources: DuckDB's readers fail on one that matches none. #}
{% macro present_files(patterns) -%}
    {%- set memo = partition_memo("present files") -%}
    {%- if "patterns" not in memo -%}
        {%- set lookups = [] -%}
        {%- for node in graph.sources.values() if node.source_name == "reco" -%}
            {%- for pattern in source_patterns(node.meta.files) -%}
                {%- set literal = dbt.string_literal(dbt.escape_single_quotes(pattern)) -%}
                {%- do lookups.append("select " ~ literal ~ " as pattern where exists (from glob(" ~ literal ~ "))") -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- set found = run_query(lookups | unique | join(" union all ")).columns[0].values() if lookups else [] -%}
        {%- do memo.update({"patterns": found | list}) -%}
    {%- endif -%}
    {%- do return(patterns | select("in", memo["patterns"]) | list) -%}
{%- endmacro %}


{% macro read_files(reader, files, columns) -%}
    {%- set quoted = [] -%}
    {%- for file in files -%}
        {%- do quoted.append(dbt.string_literal(dbt.escape_single_quotes(file))) -%}
    {%- endfor -%}
    {%- set paths = "[" ~ quoted | join(", ") ~ "]" -%}
    {%- if reader == "json" -%}
        {%- set types = [] -%}
        {%- for column in columns -%}
            {%- do types.append(column.name ~ ": '" ~ column.data_type ~ "'") -%}
        {%- endfor -%}
        read_json({{ paths }}, columns = {{ "{" ~ types | join(", ") ~ "}" }}, format = 'auto')
    {%- elif reader == "partitioned" -%}
        read_parquet({{ paths }}, hive_partitioning = true, hive_types = {'event_date': date})
    {%- elif reader == "numbered" -%}
        read_parquet({{ paths }}, filename = true, file_row_number = true)
    {%- else -%}
        read_parquet({{ paths }})
    {%- endif -%}
{%- endmacro %}
