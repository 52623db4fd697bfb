"""Tokens and keys that are known by their form, wherever they stand."""

from __future__ import annotations

from provision.core.regex import regex
from provision.core.secret import MASK

#: Tokens by their form. The publishers': huggingface.co/docs/hub/security-tokens, docs.github.com (Token formats),
#: docs.aws.amazon.com (IAM unique identifiers), and what scanners such as gitleaks look for.
TOKENS = regex(
    r"(?<![\w-])(?:"
    r"(?=hf_[a-z]*[A-Z0-9])hf_[A-Za-z0-9]{10,}|hf_[A-Za-z0-9]{20,}|api_org_[A-Za-z]{20,}"
    r"|sk-(?:proj|ant|or|svcacct|admin)-[\w-]{8,}|(?=sk-[a-z-]*[A-Z0-9])sk-[A-Za-z0-9_-]{16,}"
    r"|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|xox[abeoprs]-[\w-]{10,}|AIza[\w-]{35}|ya29\.[\w-]{20,}|nvapi-[\w-]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}"
    r"|dckr_pat_[\w-]{20,}|hvs\.[\w-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|r8_[A-Za-z0-9]{30,}"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"
    r")|-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:Bearer|Basic)\s+[\w.~+/=-]{12,}"
)


def without_tokens(text: str) -> str:
    """`text` with a mask in place of each."""
    return TOKENS.sub(MASK, text)
