{# Generations whose lists are kept, the newest last; `reco dbt` gives the last published ones. #}
{% macro listed_generations() -%}
    {%- do return(fromjson(env_var("RECO_DBT_LIST_GENERATIONS", "[]"))) -%}
{%- endmacro %}


{# Take out what is no longer kept, by whole generations. #}
{% macro forget_generations() -%}
    {%- set kept = listed_generations() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        {%- if kept %} where generation not in ('{{ kept | join("', '") }}'){% endif %}
    {%- endif -%}
{%- endmacro %}
