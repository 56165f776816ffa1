"""Examples below the help of a command: lines to copy, none of which is wrapped."""


def examples(*lines: str) -> str:
    """Return the end of a command's help.

    Args:
        lines: Command lines; a line of a longer one begins with blanks.
    """
    # (click) After \b lines stay as they are.
    return "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *(f"  {line}" for line in lines)])
