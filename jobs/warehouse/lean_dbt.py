"""What a dbt process need not do, taken out before dbt runs.

A build of one day is a hundred small statements, and most of its time went into what
is the same in every process or is thrown away: compiling templates, generating
serializers and schemas, and making debug events that nobody reads. Each function
takes out one of these. They reach into dbt's insides, which the lock file pins;
what dbt does and says stays the same, and `tests/dbt` holds it to that.
"""

from functools import cached_property
from typing import Any

from jobs.warehouse.code_cache import CodeCache


def keep_serializers(cache: CodeCache) -> None:
    """Generate serializers where they are used, and compile the same text once: most of some 800 are alike.

    To be called before dbt is imported, whose classes are made then.
    """
    from mashumaro.config import BaseConfig
    from mashumaro.core.meta.code.builder import CodeBuilder

    BaseConfig.lazy_compilation = True

    def compile_text(builder: CodeBuilder) -> None:
        text = builder.lines.as_text()
        code = cache.get("serializer", text, lambda: compile(text, "<string>", "exec"))
        exec(code, builder.globals, builder.__dict__)  # noqa: S102 - as mashumaro does, with the text

    CodeBuilder.compile = compile_text


def keep_templates(cache: CodeCache) -> None:
    """Keep the compiled code of templates: macros, models, tests and what their YAML renders."""
    from dbt_common.clients import jinja

    make = jinja.MacroFuzzEnvironment.compile

    def compile_template(environment: Any, source: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options or not isinstance(source, str) or jinja.MACRO_DEBUGGING:
            return make(environment, source, *arguments, **options)
        return cache.get(f"template {type(environment).__name__}", source, lambda: make(environment, source))

    jinja.MacroFuzzEnvironment.compile = compile_template


def keep_schemas(cache: CodeCache) -> None:
    """Keep the JSON schemas that dbt checks project, profile and settings of nodes against."""
    from dbt_common import dataclass_schema

    make = dataclass_schema.build_json_schema

    class KeptSchema:
        def __init__(self, cls: type) -> None:
            self._cls = cls

        def to_dict(self) -> Any:
            name = f"{self._cls.__module__}.{self._cls.__qualname__}"
            return cache.get("schema", name, lambda: make(self._cls).to_dict())

    dataclass_schema.build_json_schema = KeptSchema


def drop_unread_events() -> None:
    """Make no message of a debug event when no log is on that level; dbt makes some 1,800 and formats them all."""
    from dbt_common.events import base_types, event_manager

    unread = (base_types.EventLevel.DEBUG, base_types.EventLevel.TEST)
    make = base_types.BaseEvent.__init__
    fire = event_manager.EventManager.fire_event

    def remember(event: Any, *arguments: Any, **fields: Any) -> None:
        object.__setattr__(event, "_said", (arguments, fields))

    def message_of(event: Any) -> Any:
        arguments, fields = event.__dict__["_said"]
        make(event, *arguments, **fields)
        return event.__dict__["pb_msg"]

    def fire_read(manager: Any, e: Any, level: Any = None, *arguments: Any, **options: Any) -> None:
        is_read = (level or e.level_tag()) not in unread or any(log.level in unread for log in manager.loggers)
        if is_read or arguments or options.get("force_warn_or_error_handling"):
            fire(manager, e, level, *arguments, **options)

    message = cached_property(message_of)
    message.__set_name__(base_types.BaseEvent, "pb_msg")
    base_types.BaseEvent.pb_msg = message
    base_types.BaseEvent.__init__ = remember
    event_manager.EventManager.fire_event = fire_read


def name_flags_by_adapter() -> None:
    """Name the adapter as the source of its behaviour flags, for which dbt reads the source of each caller."""
    from dbt_common.behavior_flags import BehaviorFlagRendered

    BehaviorFlagRendered._default_source = staticmethod(lambda: "dbt.adapters.duckdb.impl")  # noqa: SLF001
