"""The report of an AutoML search: one page that works offline."""
