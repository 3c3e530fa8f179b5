"""A typical mistake."""


def answer(number: int) -> int:
    """The number after this one."""
    return number * 2
