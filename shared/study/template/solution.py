"""What to build, in a few lines.

    answer(20) gives 21

Check it with: ladder check NAME
"""


def answer(number: int) -> int:
    """The number after this one."""
    return number + 1


if __name__ == "__main__":
    print(answer(20))
