"""A made-up shop for coffee, tea and what goes with them stands in for the databases that a real repository would read.

The same seed makes the same customers, products and orders every time.
"""

import bisect
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

SEED = 20230715
CUSTOMERS = 2000
FIRST_DAY = date(2022, 1, 15)
TODAY = date(2023, 7, 15)  # the last day with orders is the one before

FIRST_NAMES = (
    "Ada Ben Chloé Dario Emma Felix Grace Hugo Ines Jonas Kim Lena Mateo Nora Oskar Priya Quinn Rosa Sam Tariq Ute Viktor Wanda Xenia Yusuf Zoë "
    "Åsa Björn Carla David Elif François Greta Hiro Ivan Julia Karim Louise Marek Naomi Olga Pedro Rahel Søren Tomás Uma Vera Wei Yara Zain"
).split()
LAST_NAMES = (
    "Almeida Bauer Costa Dubois Eriksen Fischer García Hansen Ito Jansen Kowalski López Müller Nguyen O'Brien Petrov Quintero Rossi Schmidt Takahashi "
    "Ueda Varga Weber Xu Yılmaz Zhang Andersson Brandt Conti Diaz Egger Fontaine Gruber Haddad Ivanova Jovanović Keller Lindqvist Moreau Novák Okafor "
    "Park Rahman Silva Tóth Urban Vogel Wójcik"
).split()
PLAIN_LETTERS = str.maketrans(
    {"å": "a", "ä": "ae", "á": "a", "ç": "c", "ć": "c", "é": "e", "ë": "e", "í": "i", "ı": "i", "ó": "o", "ö": "oe", "ø": "o", "ü": "ue", "'": ""}
)

# Each line is a category, how its demand grows in a month, and its products: name, cost, retail price, supplier ("-" is our own kitchen).
ASSORTMENT = """
Coffee +0.010: House Blend 4.10 9.90 Altura; Dark Roast 4.40 10.50 Altura; Decaf 4.90 11.20 Altura; Espresso Napoli 5.20 12.90 Altura; Ethiopia Sidamo 6.80 15.50 Altura; Colombia Huila 6.10 14.20 Altura; Kenya AA 7.40 16.90 Altura; Cold Brew Bags 3.20 8.50 -; Coffee Sampler 8.90 19.90 Altura; Barista Kilo 14.50 27.90 Altura
Tea +0.035: Earl Grey 2.10 5.90 Jade & Sons; English Breakfast 1.90 5.50 Jade & Sons; Sencha 3.60 8.90 Jade & Sons; Matcha 8.20 19.50 Jade & Sons; Jasmine Pearls 5.10 12.50 Jade & Sons; Oolong 4.80 11.90 Jade & Sons; Rooibos 1.80 4.90 Kap Trading; Mint 1.20 3.90 Kap Trading; Chai 2.40 6.50 -; Tea Sampler 6.30 14.90 Jade & Sons
Chocolate +0.015: Milk Bar 1.10 2.90 Casa Cacao; Dark 70 1.30 3.20 Casa Cacao; Dark 85 1.50 3.60 Casa Cacao; Orange Peel 2.20 5.20 -; Truffles 5.40 11.90 -; Hot Chocolate 2.80 6.90 Casa Cacao; Hazelnut Cream 2.60 5.90 Casa Cacao; Cocoa Nibs 2.10 5.40 Casa Cacao; Nougat 2.30 4.90 -; Chocolate Box 9.80 21.90 -
Spices -0.010: Cinnamon 0.90 3.20 Kap Trading; Cardamom 1.90 5.90 Kap Trading; Vanilla 4.60 9.50 Kap Trading; Nutmeg 1.10 3.60 Kap Trading; Star Anise 1.30 3.90 Kap Trading; Clove 1.00 3.20 Kap Trading; Ginger 0.80 2.90 Kap Trading; Saffron 6.90 13.90 Kap Trading; Turmeric 0.70 2.70 Kap Trading; Spice Rack 12.80 24.90 Kap Trading
Kitchen +0.000: Paper Filters 1.20 3.50 Nordhaus; French Press 11.40 24.90 Nordhaus; Moka Pot 13.20 27.50 Nordhaus; Hand Grinder 17.90 36.90 Nordhaus; Tea Strainer 2.10 5.50 Nordhaus; Teapot 9.80 21.50 Nordhaus; Mug 3.10 8.90 Nordhaus; Thermos 9.20 19.90 Nordhaus; Scale 10.70 22.90 Nordhaus; Milk Frother 6.80 14.90 Nordhaus
Gifts -0.030: Gift Card 9.50 10.00 -; Gift Wrap 0.40 1.90 -; Breakfast Hamper 16.20 32.90 -; Tasting Evening 12.00 25.00 -; Advent Calendar 10.90 22.90 -; Postcard Set 1.40 4.20 Nordhaus; Candle 3.60 8.90 Nordhaus; Tote Bag 2.90 7.50 Nordhaus; Recipe Book 6.90 14.90 Nordhaus; Anniversary Tin 5.20 11.50 Altura
"""

SEASONS = {7: 0.9, 8: 0.9, 11: 1.25, 12: 1.6}  # by month, how much more than on an ordinary day is ordered


@dataclass
class Customer:
    customer_id: int
    name: str
    email: str | None  # None for those who have not told us
    signup_date: date
    tier: str  # premium or basic


@dataclass
class Order:
    order_id: int
    customer_id: int
    product: str
    quantity: int
    price: float  # of one piece, as it was paid
    order_date: date


@dataclass
class Ware:
    product: str
    category: str
    cost: float
    retail_price: float
    supplier: str | None
    popularity: float  # this and the growth of demand in a month the shop cannot see
    growth: float


def generator(part: str) -> random.Random:
    """The generator of one part of the shop, so that a change of one part leaves the others as they are."""
    return random.Random(f"{SEED} {part}")


def generate_customers() -> list[Customer]:
    """The customers in the order in which they signed up."""
    r = generator("customers")
    days = (TODAY - FIRST_DAY).days - 10
    customers = []
    for i, day in enumerate(sorted(int(days * r.random() ** 0.85) for _ in range(CUSTOMERS))):  # more and more
        name = f"{r.choice(FIRST_NAMES)} {r.choice(LAST_NAMES)}"
        tier = "premium" if r.random() < 0.28 else "basic"
        mail = name.lower().translate(PLAIN_LETTERS).replace(" ", ".") + "@example.com"
        reachable = r.random() < 0.96  # the others ordered at the counter
        customers.append(Customer(1001 + i, name, mail if reachable else None, FIRST_DAY + timedelta(days=day), tier))
    return customers


def generate_products() -> list[Ware]:
    wares = []
    for line in ASSORTMENT.strip().splitlines():
        head, _, items = line.partition(": ")
        category, _, growth = head.partition(" ")
        for place, item in enumerate(items.split("; "), start=1):
            words = item.split()
            prices = next(i for i, word in enumerate(words) if "." in word)
            cost, retail_price = float(words[prices]), float(words[prices + 1])
            supplier = " ".join(words[prices + 2 :])
            # The first of a category sell best, and what is dear sells less.
            popularity = place**-0.6 * retail_price**-0.35
            wares.append(
                Ware(" ".join(words[:prices]), category, cost, retail_price, supplier if supplier != "-" else None, popularity, float(growth))
            )
    return wares


def generate_orders() -> list[Order]:
    """The orders in the order of their days."""
    shelf = Shelf(generate_products())
    habits, r = generator("habits"), generator("orders")
    orders = [order for buyer in generate_customers() for order in _orders_of(buyer, shelf, habits, r)]
    orders.sort(key=lambda order: (order.order_date, order.customer_id))
    for number, order in enumerate(orders, start=50001):
        order.order_id = number
    return orders


def _orders_of(buyer: Customer, shelf: "Shelf", habits: random.Random, r: random.Random) -> Iterator[Order]:
    """The orders of one customer. How often somebody orders, and for how long, is what the shop cannot see of them."""
    keenness = habits.gauss(0, 1)
    per_month, leaving = 1.2 * math.exp(0.55 * keenness), 0.11 * math.exp(-0.85 * keenness)  # who orders often stays
    if buyer.tier == "premium":
        per_month, leaving = 1.3 * per_month, 0.4 * leaving
    leaves = buyer.signup_date + timedelta(days=3 + min(2000, int(30 * habits.expovariate(1) / leaving)))

    day = buyer.signup_date + timedelta(days=r.randrange(4))
    while day < min(TODAY, leaves):
        yield _order(buyer, day, shelf, r)
        wait = r.expovariate(1) / (per_month / 30 * SEASONS.get(day.month, 1.0))
        day += timedelta(days=1 + min(1000, int(wait)))


def _order(buyer: Customer, day: date, shelf: "Shelf", r: random.Random) -> Order:
    ware = shelf.choose(r, day)
    quantity = 1
    while quantity < 12 and r.random() < 0.5 - 0.012 * ware.retail_price:
        quantity += 1
    discount = (0.05 if buyer.tier == "premium" else 0) + (0.10 if r.random() < 0.1 else 0)
    return Order(0, buyer.customer_id, ware.product, quantity, round(ware.retail_price * (1 - discount), 2), day)


class Shelf:
    """What the customers choose from, with the demand of each month."""

    def __init__(self, wares: list[Ware]) -> None:
        self.wares = wares
        self.demand = [
            list(itertools.accumulate(ware.popularity * math.exp(ware.growth * month) for ware in wares)) for month in range(_month(TODAY) + 1)
        ]

    def choose(self, r: random.Random, day: date) -> Ware:
        sums = self.demand[_month(day)]
        return self.wares[bisect.bisect_left(sums, r.random() * sums[-1])]


def _month(day: date) -> int:
    """Months of 30 days each from the first day."""
    return (day - FIRST_DAY).days // 30
