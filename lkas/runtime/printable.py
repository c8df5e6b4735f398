"""Text of others on a terminal or in a log: names and sentences from the network, from files and from channels."""


def printable(text: str) -> str:
    r"""Return the text with an escape such as `\x1b` for each character that is not printable.

    So text of other programs does not move the cursor, clear the screen, start a line or turn the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def printable_lines(text: str) -> str:
    """Do as `printable` within each line; line ends stay."""
    return "\n".join(map(printable, text.split("\n")))
