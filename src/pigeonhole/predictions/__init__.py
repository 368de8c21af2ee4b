"""What endpoints answered and what people said about it: written behind the request, read by window."""

from pigeonhole.predictions.feedback import add_feedback
from pigeonhole.predictions.log import Entry, PredictionLog
from pigeonhole.predictions.window import Window, read_window

__all__ = ["Entry", "PredictionLog", "Window", "add_feedback", "read_window"]
