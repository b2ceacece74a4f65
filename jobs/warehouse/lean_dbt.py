"""What a dbt process need not do, taken out before dbt runs.

A build of one day is a hundred small statements, and most of its time went into what
is the same in every process or is thrown away: compiling templates, generating
serializers and schemas, and making debug events that nobody reads. Each function
takes out one of these. They reach into dbt's insides, which the lock file pins; what
dbt does and says stays the same.
"""

import pickle
from functools import cached_property
from typing import Any

from jobs.warehouse.code_cache import CodeCache


def keep_data_classes(cache: CodeCache) -> None:
    """Keep the code of what `dataclasses` writes for each class: some 2,000 small functions.

    To be called before dbt is imported.
    """
    import dataclasses

    def run_text(text: str, names: dict[str, Any], found: dict[str, Any]) -> None:
        exec(cache.get("data class", text, lambda: compile(text, "<string>", "exec")), names, found)  # noqa: S102

    dataclasses.exec = run_text  # type: ignore[attr-defined]


def make_serializers_later() -> None:
    """Make a class's serializers when they are first used, for a build uses few of some 600.

    mashumaro can do so itself, by a generated method that generates the real one; what is set here is no text.
    To be called before dbt is imported, whose classes are made then.
    """
    from mashumaro.mixins import dict as mixin

    _replace(mixin, "compile_mixin_packer", _pack_later)
    _replace(mixin, "compile_mixin_unpacker", _unpack_later)


def keep_templates(cache: CodeCache) -> None:
    """Keep the compiled code of templates: macros, models, tests and what their YAML renders."""
    from dbt_common.clients import jinja

    make = jinja.MacroFuzzEnvironment.compile

    def compile_template(environment: Any, source: Any, *arguments: Any, **options: Any) -> Any:
        if arguments or options or not isinstance(source, str) or jinja.MACRO_DEBUGGING:
            return make(environment, source, *arguments, **options)
        return cache.get(f"template {type(environment).__name__}", source, lambda: make(environment, source))

    _replace(jinja.MacroFuzzEnvironment, "compile", compile_template)


def keep_schemas(cache: CodeCache) -> None:
    """Keep the JSON schemas that dbt checks project, profile and settings of nodes against."""
    from dbt_common import dataclass_schema

    def schema_of(cls: Any) -> Any:
        def build() -> Any:
            return dataclass_schema.build_json_schema(cls).to_dict()  # type: ignore[attr-defined]

        return cache.get("schema", f"{cls.__module__}.{cls.__qualname__}", build)

    _replace(dataclass_schema.dbtClassMixin, "json_schema", classmethod(schema_of))


def keep_manifest(cache: CodeCache) -> None:
    """Keep what dbt reads of the project that it parsed before, in a form that is read ten times as fast."""
    from dbt.contracts.graph.manifest import Manifest

    read: Any = Manifest.from_msgpack

    def pack(data: bytes, options: dict[str, Any]) -> bytes:
        fields = vars(read(data, **options))
        return pickle.dumps({name: value for name, value in fields.items() if name != "_lock"})

    def read_kept(data: bytes, **options: Any) -> Any:
        fields = cache.get_latest("manifest", data, lambda: pack(data, options))
        manifest: Any = Manifest.__new__(Manifest)  # its own way of being pickled leaves out a field
        vars(manifest).update(pickle.loads(fields))  # noqa: S301 - the cache has seen to it that it is ours
        return type(manifest).__post_deserialize__(manifest)

    _replace(Manifest, "from_msgpack", staticmethod(read_kept))


def drop_unread_events() -> None:
    """Make no message of a debug event when no log is on that level; dbt makes some 1,800 and formats them all."""
    from dbt_common.events import base_types, event_manager

    unread = (base_types.EventLevel.DEBUG, base_types.EventLevel.TEST)
    make: Any = base_types.BaseEvent.__init__
    fire: Any = event_manager.EventManager.fire_event

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

    message: Any = cached_property(message_of)
    message.__set_name__(base_types.BaseEvent, "pb_msg")
    setattr(base_types.BaseEvent, "pb_msg", message)  # noqa: B010 - the class has no such name, its objects do
    _replace(base_types.BaseEvent, "__init__", remember)
    _replace(event_manager.EventManager, "fire_event", fire_read)


def name_flags_by_adapter() -> None:
    """Name the adapter as the source of its behaviour flags, for which dbt reads the source of each caller."""
    from dbt_common.behavior_flags import BehaviorFlagRendered

    _replace(BehaviorFlagRendered, "_default_source", staticmethod(lambda: "dbt.adapters.duckdb.impl"))


def _pack_later(cls: type, format_name: str = "dict", dialect: Any = None, **encoding: Any) -> None:
    from mashumaro.core.meta.code.builder import CodeBuilder

    name = CodeBuilder.get_pack_method_name(format_name=format_name, encoder=encoding.get("encoder"))
    making = {"format_name": format_name, "default_dialect": dialect, "allow_postponed_evaluation": False, **encoding}

    def pack(self: Any, *arguments: Any, **options: Any) -> Any:
        CodeBuilder(type(self), first_method=name, **making).add_pack_method()
        return getattr(self, name)(*arguments, **options)

    setattr(cls, name, pack)
    setattr(cls, name.public, pack)


def _unpack_later(cls: type, format_name: str = "dict", dialect: Any = None, decoder: Any = None) -> None:
    from mashumaro.core.meta.code.builder import CodeBuilder

    name = CodeBuilder.get_unpack_method_name(format_name=format_name, decoder=decoder)
    making: dict[str, Any] = {"format_name": format_name, "default_dialect": dialect, "decoder": decoder}

    def unpack(made: type, *arguments: Any, **options: Any) -> Any:
        CodeBuilder(made, first_method=name, allow_postponed_evaluation=False, **making).add_unpack_method()
        return getattr(made, name)(*arguments, **options)

    setattr(cls, name, classmethod(unpack))
    setattr(cls, name.public, classmethod(unpack))


def _replace(owner: Any, name: str, value: Any) -> None:
    """Take the place of something that has to be there: another version of dbt fails here, not in a build."""
    getattr(owner, name)
    setattr(owner, name, value)
