"""Accounts: the messages that the gateway sends, and the entity that understands them.

The names of the classes are on the wire, `bank.Deposit` and so on: see `src/messages.rs` of the gateway.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from casty import Behavior, Behaviors

#: The name and the number of shards of the region, as the gateway's settings have them.
REGION = "account"
SHARDS = 100

#: Seconds after which a follower is forgotten that does not ask anew, which gateways do every 15.
FORGOTTEN = 60.0


@dataclass(frozen=True)
class Deposit:
    amount: int


@dataclass(frozen=True)
class Withdraw:
    amount: int
    reply_to: Any


@dataclass(frozen=True)
class GetBalance:
    reply_to: Any


@dataclass(frozen=True)
class Follow:
    to: Any
    reply_to: Any


@dataclass(frozen=True)
class Unfollow:
    to: Any


@dataclass(frozen=True)
class Balance:
    amount: int


def account(entity_id: str) -> Behavior[Any]:
    """An account. Its balance is gone with its node: a bank would keep it in a database."""
    balance = 0
    #: By their addresses: who is pushed to, and when it asked last.
    followers: dict[Any, tuple[Any, float]] = {}

    def push() -> None:
        now = time.monotonic()
        for address, (follower, asked) in list(followers.items()):
            if now - asked > FORGOTTEN:
                del followers[address]
            else:
                follower.tell(Balance(balance))

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        nonlocal balance
        match message:
            case Deposit(amount):
                balance += amount
                push()
            case Withdraw(amount, reply_to):
                if amount > balance:
                    reply_to.tell(None)
                else:
                    balance -= amount
                    reply_to.tell(balance)
                    push()
            case GetBalance(reply_to):
                reply_to.tell(balance)
            case Follow(to, reply_to):
                followers[to.address] = (to, time.monotonic())
                to.tell(Balance(balance))
                reply_to.tell(True)
            case Unfollow(to):
                followers.pop(to.address, None)
            case _:
                return Behaviors.unhandled()
        return Behaviors.same()

    return Behaviors.receive(receive)
