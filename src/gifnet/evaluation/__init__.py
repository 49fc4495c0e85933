"""Models x data sets x metrics, into tables and a report with pictures."""
