from __future__ import annotations

from tests.core.databases import postgres_url, url

__all__ = ["postgres_url", "url"]
