"""The routes that only read: days, batches, quarantine, versions, statistics, services."""
