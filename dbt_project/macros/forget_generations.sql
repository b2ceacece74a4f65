{# Take out what is no longer kept, by whole generations. #}
{% macro forget_generations(kept) -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        {%- if kept %} where generation not in ('{{ kept | join("', '") }}'){% endif %}
    {%- endif -%}
{%- endmacro %}
