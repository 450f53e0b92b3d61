"""Reports: what was promised, what was checked, and what has to be done, for people.

One report is one document (``document.py``), and the page, the JSON and the Parquet files are
three spellings of it. Nothing in the page was counted elsewhere than in the rows it shows.
"""
