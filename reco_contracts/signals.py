"""What a score is made of: the kinds of summands."""

from enum import IntEnum


class Signal(IntEnum):
    """What speaks for an item. Numbers are stored, and never reused.

    Attributes:
        NONE: nothing; pads.
        OWN_ITEM: the user has the seed, and who has it chooses this item too.
        CONTENT: the item is described like the seed, which the user has.
        PEOPLE: people who choose as the user does have the item; the seed is what makes them alike.
        POPULARITY: many people chose it.
        SEGMENT: many people of the user's segment chose it.
        OWN_HABIT: the user has had the item itself.
        OTHER: what a ranker reads in features that no sentence says.
        BASE: what a ranker gives every item.
    """

    NONE = 0
    OWN_ITEM = 1
    CONTENT = 2
    PEOPLE = 3
    POPULARITY = 4
    SEGMENT = 5
    OWN_HABIT = 6
    OTHER = 7
    BASE = 8
