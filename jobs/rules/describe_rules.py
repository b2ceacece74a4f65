"""Say what rules there are: in the file, in the store, and in a generation."""

from collections import Counter
from datetime import date
from typing import Any

from jobs.publishing.connect_store import open_store
from jobs.rules.check_rules import load_rules
from jobs.rules.count_rules import read_report
from jobs.rules.live_store import read_live_rules
from jobs.rules.push_rules import describe_live
from jobs.rules.read_rules import read_rules
from jobs.rules.taken_down import read_taken_down
from jobs.warehouse.read_marts import last_interaction_date, read_items, read_users
from reco_contracts.artifacts import complete_versions
from reco_contracts.columns import DIM_ITEMS
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.live_rules import LiveRules
from reco_contracts.settings import Settings


def check_file(settings: Settings, run_date: date | None) -> dict[str, Any]:
    """Check the file as far as the data at hand allows.

    Args:
        settings: where the file and the data are.
        run_date: last day of the data; None = that of the exported log.

    Raises:
        ConfigError: something in it is wrong; names each mistake with its line.
    """
    rules = read_rules(settings.rules_file)
    kinds = dict(Counter(rule.kind for rule in rules.rules))
    summary = {
        "file": settings.rules_file,
        "there": settings.rules_file.exists(),
        "rules": len(rules.rules),
        "kinds": kinds,
    }
    if not settings.layout.export(DIM_ITEMS.name).exists():
        return summary | {"names_checked": False, "why": "no marts are exported to compare names with"}
    day = run_date or last_interaction_date(settings.layout)
    book = load_rules(settings, read_items(settings.layout), read_users(settings.layout), day)
    return summary | {
        "names_checked": True,
        "shown_on": book.shown_on,
        "in_force": [rule.name for rule in book.in_force],
        "taken_down": list(book.rules.taken_down),
    }


def show_live(settings: Settings) -> dict[str, Any]:
    """What holds at read time, and whether the file says the same.

    Raises:
        ContractError: the value in the store cannot be read.
        StoreUnavailableError: the store cannot be reached.
    """
    with open_store(settings.redis) as store:
        live = read_live_rules(store, settings.keys)
    notes = {item_id: f"{one.at} {one.note}".strip() for item_id, one in read_taken_down(settings.layout).items()}
    checksum = read_rules(settings.rules_file).checksum
    return describe_live(live or LiveRules()) | {
        "is_pushed": live is not None,
        "is_of_the_file": live is not None and live.checksum == checksum,
        "notes": notes,
    }


def report_of(settings: Settings, generation: str | None) -> dict[str, Any]:
    """The account of one generation.

    Args:
        settings: where the data is.
        generation: a folder of data/lists; None = the last complete one.

    Raises:
        EmptyPartitionError: there is no such generation, or no account of it.
    """
    names = complete_versions(settings.layout.lists)
    if generation is None and not names:
        raise EmptyPartitionError(f"{settings.layout.lists} holds no generation; `reco rank` makes one")
    name = generation or names[-1]
    return {"generation": name, **read_report(settings.layout, name)}
