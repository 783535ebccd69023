"""Fitted models on disk: named by their content, as plain arrays and JSON, read in a child process with limits."""

from bot.scoring.registry.manifest import Manifest
from bot.scoring.registry.promotions import Promotion
from bot.scoring.registry.store import Kept, Opened, Registry

__all__ = ["Kept", "Manifest", "Opened", "Promotion", "Registry"]
