def decisive(log_text: str, limit: int = 12) -> tuple[tuple[str, ...], str | None]:
    return tuple(l for l in log_text.splitlines() if "rror" in l)[-limit:], None
