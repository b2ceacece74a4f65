{#
    Takes the place of dbt's macro of this name: tests of a model that replaces
    dates look at those that they have not passed yet. `reco dbt build --all-dates`
    looks at all of them.
#}
{% macro get_where_subquery(relation) -%}
    {%- set conditions = [config.get("where")] if config.get("where") else [] -%}
    {%- set tested = graph.nodes.get(model.get("attached_node")) if execute -%}
    {%- if tested and replaces_dates(tested) and not config.get("meta", {}).get("whole") -%}
        {%- do conditions.append(is_date_to_test(tested.name)) -%}
    {%- endif -%}
    {%- if conditions -%}
        {%- do return("(select * from " ~ relation ~ " where " ~ conditions | join(" and ") ~ ") as dbt_subquery") -%}
    {%- endif -%}
    {%- do return(relation) -%}
{%- endmacro %}


{# SQL for a test of its own: whether `event_date` is a date that a model's tests have not passed yet. #}
{% macro is_date_to_test(model_name) -%}
    {%- set dates = dates_to_test(model_name) if execute else none -%}
    {%- if dates is none -%} true {%- else -%} event_date in ({{ date_literals(dates) }}) {%- endif -%}
{%- endmacro %}


{# The dates whose version is not the one that passed; none stands for all. #}
{% macro dates_to_test(model_name) -%}
    {%- if var("test_all_dates") -%}
        {%- do return(none) -%}
    {%- endif -%}
    {%- set query -%}
        select versions.event_date
        from warehouse_state.partition_versions as versions
        left join warehouse_state.partition_reads as reads
            on reads.node = 'tests of {{ model_name }}' and versions.event_date = reads.event_date
        where versions.node = '{{ model_name }}' and versions.version is distinct from reads.version
        order by versions.event_date
    {%- endset -%}
    {%- do return(run_query(query).columns[0].values() | list) -%}
{%- endmacro %}


{# On-run-end: note the versions that passed, of each model all of whose tests ran and none of which failed. #}
{% macro record_tested_dates(results) -%}
    {%- if execute and flags.WHICH in ("build", "test") -%}
        {%- for unique_id, node in graph.nodes.items() if node.resource_type == "model" and replaces_dates(node) -%}
            {%- if has_passed_its_tests(unique_id, results) %}
                delete from warehouse_state.partition_reads where node = 'tests of {{ node.name }}';
                insert into warehouse_state.partition_reads (node, upstream, event_date, version)
                select 'tests of {{ node.name }}', node, event_date, version
                from warehouse_state.partition_versions
                where node = '{{ node.name }}';
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro has_passed_its_tests(unique_id, results) -%}
    {%- set counts = {"own": 0, "failed": 0, "all": 0} -%}
    {%- for result in results if result.node.resource_type == "test" and unique_id in result.node.depends_on.nodes -%}
        {%- if result.status not in ("pass", "warn") -%}
            {%- do counts.update({"failed": counts.failed + 1}) -%}
        {%- elif result.node.attached_node == unique_id -%}
            {%- do counts.update({"own": counts.own + 1}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == "test" and node.attached_node == unique_id -%}
        {%- do counts.update({"all": counts.all + 1}) -%}
    {%- endfor -%}
    {%- do return(counts.failed == 0 and counts.own == counts.all) -%}
{%- endmacro %}
