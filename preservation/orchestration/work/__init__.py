"""What the tasks do: the services' calls, with references in and references out.

Plain functions over the home's parts and JSON that fits into an XCom, a module for each kind of
work. Nothing here calls Airflow; nothing here decides anything that a service does not.
"""
