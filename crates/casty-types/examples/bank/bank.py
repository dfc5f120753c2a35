"""The messages of a bank, as its nodes have them."""

from dataclasses import dataclass
from enum import Enum

from casty import ActorRef


class Currency(Enum):
    EUR = "euro"
    USD = "dollar"


@dataclass(frozen=True)
class Balance:
    """The balance of an account."""

    amount: int
    currency: Currency


@dataclass(frozen=True)
class Deposit:
    """Puts money into an account."""

    amount: int
    currency: Currency = Currency.EUR


@dataclass(frozen=True)
class GetBalance:
    """Asks for the balance of an account."""

    reply_to: ActorRef[Balance]


type Message = Deposit | GetBalance
