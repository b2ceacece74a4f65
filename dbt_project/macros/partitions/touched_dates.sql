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
    {%- set memo = partition_memo("touched of " ~ model.unique_id) -%}
    {%- if (days_before, days_after) in memo -%}
        {%- do return(memo[(days_before, days_after)]) -%}
    {%- endif -%}
    {%- set query -%}
        select distinct cast(versions.event_date - shifts.days as date) as event_date
        from {{ source("warehouse", "partition_versions") }} as versions
        left join {{ source("warehouse", "partition_reads") }} as reads
            on
                reads.node = '{{ model.name }}'
                and versions.node = reads.upstream
                and versions.event_date = reads.event_date
        cross join (select cast(unnest(range({{ -days_after }}, {{ days_before + 1 }})) as integer) as days) as shifts
        where
            versions.node in ({{ quoted_names(partitioned_inputs(model)) }})
            and versions.version is distinct from reads.version
        order by event_date
    {%- endset -%}
    {%- do return(memo.setdefault((days_before, days_after), run_query(query).columns[0].values() | list)) -%}
{%- endmacro %}


{# The nodes whose partitions a model reads: `landing.events`, or models that replace dates. #}
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
