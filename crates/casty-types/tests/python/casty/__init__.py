"""Stands in for casty where it is not installed: the one name that messages need."""


class ActorRef[M]:
    pass
