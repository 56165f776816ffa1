"""How Kubernetes expands `$(NAME)` in commands and values (third_party/forked/golang/expansion)."""

from collections.abc import Mapping


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Return a text with its references replaced; those to nothing stay as they are, and `$$` is a dollar."""
    result, at = "", 0
    while at < len(text):
        if text[at] == "$" and at + 1 < len(text):
            follower = text[at + 1]
            close = text.find(")", at)
            if follower == "$":
                result, at = result + "$", at + 2
                continue
            if follower == "(" and close != -1:
                name = text[at + 2 : close]
                result, at = result + _value(name, variables), close + 1
                continue
        result, at = result + text[at], at + 1
    return result


def _value(name: str, variables: Mapping[str, str]) -> str:
    try:
        return variables[name]
    except KeyError:
        return f"$({name})"
