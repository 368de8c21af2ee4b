"""The ground floor: errors, workspace, records, specs, seeds, atomic files, locks, progress."""
