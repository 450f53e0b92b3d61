"""Our own table of formats, where PRONOM is blind or coarse; one module for each science.

``local_format`` what a row is · ``arrays images geo statistics biology chemistry archives markup
texts source_code`` the rows, ``…_tests`` what they look for · ``table`` all of them.
"""
