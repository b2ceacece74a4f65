"""The simulated shop's shelves and names: a category tree of three levels, and titles that people can read."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

# Department -> aisle -> shelves; a shelf is called after what lies on it.
TREE: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Kitchen": {
        "Cooking": ("Saucepan", "Frying Pan", "Casserole", "Wok"),
        "Baking": ("Cake Tin", "Rolling Pin", "Mixing Bowl", "Pie Plate"),
        "Coffee and Tea": ("Teapot", "Coffee Grinder", "Mug", "Milk Jug"),
        "Cutting": ("Bread Knife", "Chopping Board", "Peeler", "Grater"),
    },
    "Living": {
        "Lighting": ("Floor Lamp", "Desk Lamp", "Lantern", "String Light"),
        "Textiles": ("Cushion", "Blanket", "Rug", "Curtain"),
        "Decoration": ("Vase", "Picture Frame", "Wall Clock", "Candle Holder"),
        "Storage": ("Basket", "Bookshelf", "Coat Rack", "Wooden Box"),
    },
    "Garden": {
        "Growing": ("Seed Tray", "Plant Pot", "Trellis", "Propagator"),
        "Tools": ("Trowel", "Garden Fork", "Pruner", "Watering Can"),
        "Outdoor Life": ("Deck Chair", "Parasol", "Picnic Hamper", "Fire Bowl"),
        "Wildlife": ("Bird Feeder", "Nest Box", "Insect House", "Bird Bath"),
    },
    "Outdoors": {
        "Camping": ("Tent", "Sleeping Bag", "Camp Stove", "Head Torch"),
        "Walking": ("Rucksack", "Walking Pole", "Water Bottle", "Map Case"),
        "Cycling": ("Bike Helmet", "Pannier", "Bike Pump", "Bike Light"),
        "Water": ("Dry Bag", "Swim Towel", "Paddle", "Snorkel"),
    },
    "Play": {
        "Puzzles": ("Jigsaw", "Brain Teaser", "Marble Run", "Puzzle Box"),
        "Games": ("Board Game", "Card Game", "Dice Game", "Chess Set"),
        "Making": ("Model Kit", "Paint Set", "Sewing Kit", "Clay Set"),
        "Music": ("Ukulele", "Kalimba", "Hand Drum", "Recorder"),
    },
    "Study": {
        "Writing": ("Fountain Pen", "Notebook", "Pencil Case", "Ink Bottle"),
        "Reading": ("Cookbook", "Travel Guide", "Crime Novel", "Poetry Book"),
        "Desk": ("Desk Organiser", "Paper Tray", "Book End", "Cork Board"),
        "Post": ("Greeting Card", "Letter Set", "Wrapping Paper", "Postcard Set"),
    },
}
BRANDS: Final = (
    "Alder", "Birkett", "Calloway", "Dunmore", "Elmfield", "Fennel", "Garrick", "Hollis", "Ivory & Oak", "Juniper",
    "Kestrel", "Larkfield", "Marlow", "Northgate", "Oakhurst", "Pemberton", "Quill", "Rowan", "Saltmarsh", "Thistle",
    "Underhill", "Verity", "Wren", "Yarrow",
)  # fmt: skip
STYLES: Final = (
    "Amber", "Antique", "Ash", "Blue", "Brass", "Bright", "Charcoal", "Classic", "Compact", "Copper", "Coral", "Cream",
    "Crimson", "Emerald", "Everyday", "Folding", "Forest", "Golden", "Grand", "Grey", "Handmade", "Heritage", "Indigo",
    "Ivory", "Large", "Light", "Linen", "Little", "Midnight", "Modern", "Mustard", "Nordic", "Olive", "Pearl", "Plain",
    "Rustic", "Silver", "Striped", "Travel", "Velvet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shelf:
    """A leaf of the tree.

    Attributes:
        department: index of the broadest category.
        aisle: index of the category in the middle, over all departments.
        path: names, broad to narrow.
        noun: what one item on it is.
    """

    department: int
    aisle: int
    path: tuple[str, str, str]
    noun: str


def shelves() -> list[Shelf]:
    """The leaves of the tree, in order."""
    result: list[Shelf] = []
    aisle = 0
    for department, (department_name, aisles) in enumerate(TREE.items()):
        for aisle_name, nouns in aisles.items():
            result.extend(
                Shelf(department, aisle, (department_name, aisle_name, _plural(noun)), noun) for noun in nouns
            )
            aisle += 1
    return result


def name_items(shelf_of_item: npt.NDArray[np.int64], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Titles and brands.

    Args:
        shelf_of_item: shape (n_items,), index into `shelves()`.
        rng: the random generator.

    Returns:
        Titles, all different, and the brand of each item.
    """
    nouns = [shelf.noun for shelf in shelves()]
    combinations = len(BRANDS) * len(STYLES)
    order = rng.permuted(np.tile(np.arange(combinations), (len(nouns), 1)), axis=1)
    used = [0] * len(nouns)
    titles, brands = [], []
    for shelf in shelf_of_item.tolist():
        edition, turn = divmod(used[shelf], combinations)
        used[shelf] += 1
        brand, style = divmod(int(order[shelf, turn]), len(STYLES))
        suffix = f" No. {edition + 1}" if edition else ""
        titles.append(f"{BRANDS[brand]} {STYLES[style]} {nouns[shelf]}{suffix}")
        brands.append(BRANDS[brand])
    return titles, brands


def _plural(noun: str) -> str:
    irregular = {"Fire Bowl": "Fire Bowls", "Bookshelf": "Bookshelves", "Bread Knife": "Bread Knives"}
    endings = ("ch", "sh", "x", "s")
    return irregular.get(noun, noun + ("es" if noun.endswith(endings) else "s"))
