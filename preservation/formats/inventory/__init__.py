"""The central inventory: every payload file held, in Parquet, made from the AIPs' own inventories.

``versions`` what a part says of the AIP versions in it · ``schema`` its columns · ``store`` parts
written, read and tidied · ``questions`` counts and lists over all of them.

Derived, and never the truth: what it says can be made again from the tiers and the journal.
Everything but ``versions`` imports ``pyarrow``.

Source: ``docs/formats/inventory.md``.
"""
