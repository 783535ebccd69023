"""What a report is made of: its document (numbers as plain data), charts and tables from it, the page, its seal."""
