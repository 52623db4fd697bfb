"""What went wrong with the hub, in words."""

from __future__ import annotations

import os
from collections.abc import Mapping

from provision.payload.weights.folder import Odd
from provision.payload.weights.web import NotAsked, shown


def said(error: Exception, spec: Mapping[str, str]) -> list[str]:
    """Lines, of which the first begins with what hints can be told by."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    repo, revision = spec["REPO"], spec["REVISION"] or "main"
    where = shown(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    token = "with the token" if spec.get("HF_TOKEN") else "without a token"
    text = " ".join(str(error).split())[:300]
    if isinstance(error, NotAsked):
        return [f"not trusted: {text}"]
    if isinstance(error, Odd):
        return [f"strange files: {text}"]
    if isinstance(error, FileExistsError):
        return [f"not ours: a file that provision did not write is in the way: {text}"]
    if isinstance(error, OSError) and error.errno in (28, 122):  # ENOSPC, EDQUOT
        return [f"no space: {text}"]
    if "GatedRepoError" in kinds:
        return [f"gated: {where} does not give {repo} to this account ({token})", text]
    if "RevisionNotFoundError" in kinds:
        return [f"no revision: {repo} has no `{revision}`", text]
    if "RepositoryNotFoundError" in kinds or status in (401, 403, 404):
        # The hub answers the same for what does not exist and for what is private.
        return [f"not found: {where} has no {repo}, or does not show it ({token})", text]
    if status is not None:
        return [f"refused: {where} answers {status}", text]
    return [f"no way: {where} is not reached ({type(error).__name__})", text]
