{# What the lists of a surface are for: `reco_contracts.surfaces`, which a test compares with this. #}
{% macro subject_kind_of(surface) -%}
    case
        when {{ surface }} in ('similar', 'also_bought') then 'item'
        when {{ surface }} in ('popular', 'trending', 'new') then 'category'
        else 'user'
    end
{%- endmacro %}
