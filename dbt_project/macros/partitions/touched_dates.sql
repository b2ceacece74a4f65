{#
    The dates that a model must build anew: those of which one of its inputs has
    another version than the one it was built from. For the model's own filter:

        {% if is_incremental() %} where event_date in ({{ touched_dates() }}) {% endif %}

    Inputs are found by following `ref`s through views to models that replace
    dates, and to the landed events. Everything else that a model reads (a
    dimension, say) touches nothing.

    days_before: a day also depends on so many days after it, such as an
        impression on the click of the next day: the days before are touched too.
    days_after: a day also depends on so many days before it.
#}
{% macro touched_dates(days_before=0, days_after=0) -%}
    {%- if execute -%}
        {%- set dates = find_touched_dates(days_before, days_after) -%}
        {#- What the model selects is what the strategy deletes: both read it here. -#}
        {%- if partition_memo("replaced").setdefault(model.unique_id, dates) != dates -%}
            {%- do exceptions.raise_compiler_error(
                model.name ~ " calls touched_dates() with different widths; a day has one set of days that it depends on"
            ) -%}
        {%- endif -%}
        {{ date_literals(dates) }}
    {%- else -%}
        {{ date_literals([]) }}
    {%- endif -%}
{%- endmacro %}


{% macro find_touched_dates(days_before, days_after) -%}
    {%- set dates = {} -%}
    {%- for changed in partition_state().changed_dates -%}
        {%- for shift in range(-days_after, days_before + 1) -%}
            {%- set day = modules.datetime.date.fromisoformat(changed) - modules.datetime.timedelta(days=shift) -%}
            {%- do dates.update({day.isoformat(): true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- do return(dates | sort) -%}
{%- endmacro %}


{#
    What the warehouse holds of a model, in one query, since each costs more than what it asks: the dates of its inputs
    that have another version than the one it read, the hash of its definition, the SQL of the views between it and its
    inputs.
#}
{% macro partition_state() -%}
    {%- set memo = partition_memo("state") -%}
    {%- if model.unique_id not in memo -%}
        {%- set query -%}
            select
                'changed_dates' as kind,
                cast(versions.event_date as varchar) as value
            from {{ source("warehouse", "partition_versions") }} as versions
            left join {{ source("warehouse", "partition_reads") }} as reads
                on
                    reads.node = '{{ model.name }}'
                    and versions.node = reads.upstream
                    and versions.event_date = reads.event_date
            where
                versions.node in ({{ quoted_names(partitioned_inputs(model)) }})
                and versions.version is distinct from reads.version
            union all
            select
                'definitions',
                definition_hash
            from {{ source("warehouse", "definitions") }}
            where node = '{{ model.name }}'
            {%- if views_between(model) %}
            union all
            select
                'views',
                sql
            from duckdb_views()
            where schema_name || '.' || view_name in ({{ quoted_names(views_between(model)) }})
            {%- endif %}
            order by kind, value
        {%- endset -%}
        {%- set state = {"changed_dates": [], "definitions": [], "views": []} -%}
        {%- for row in run_query(query).rows -%}
            {%- do state[row[0]].append(row[1]) -%}
        {%- endfor -%}
        {%- do memo.update({model.unique_id: state}) -%}
    {%- endif -%}
    {%- do return(memo[model.unique_id]) -%}
{%- endmacro %}


{# The nodes whose partitions a model reads: landed events, items or users, or models that replace dates. #}
{% macro partitioned_inputs(node) -%}
    {%- set found = [] -%}
    {%- for unique_id in node.depends_on.nodes -%}
        {%- if unique_id in graph.sources -%}
            {%- set input = graph.sources[unique_id] -%}
            {%- if input.meta.get("is_watched") -%}
                {%- do found.append(input.schema ~ "." ~ input.name) -%}
            {%- endif -%}
        {%- elif replaces_dates(graph.nodes[unique_id]) -%}
            {%- do found.append(graph.nodes[unique_id].name) -%}
        {%- elif graph.nodes[unique_id].config.materialized in ("view", "ephemeral") -%}
            {%- do found.extend(partitioned_inputs(graph.nodes[unique_id])) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(found | unique | sort) -%}
{%- endmacro %}


{% macro replaces_dates(node) -%}
    {%- do return(
        node.config.materialized == "incremental"
        and node.config.incremental_strategy in ("replace_dates", "replace_dates_and_copies")
    ) -%}
{%- endmacro %}


{# Whether the warehouse knows of what state of its inputs, and by what definition, a model was made. #}
{% macro notes_its_inputs(node) -%}
    {%- do return(replaces_dates(node) or node.config.incremental_strategy == "replace_whole") -%}
{%- endmacro %}


{# A dictionary that lives as long as the run: what was found when a model was compiled, for its strategy and hooks. #}
{% macro partition_memo(name) -%}
    {%- do return(graph.setdefault("reco_partitions", {}).setdefault(name, {})) -%}
{%- endmacro %}


{# For `in (...)`: literals, so that DuckDB opens no other partition; of no date, a list that nothing is in. #}
{% macro date_literals(dates) -%}
    {%- for day in dates -%}
        date '{{ day }}'{{ ", " if not loop.last }}
    {%- else -%}
        cast(null as date)
    {%- endfor -%}
{%- endmacro %}


{% macro quoted_names(names) -%}
    {%- for name in names -%}'{{ name }}'{{ ", " if not loop.last }}{%- else -%}null{%- endfor -%}
{%- endmacro %}
