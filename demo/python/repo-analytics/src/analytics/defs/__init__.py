"""The assets of the analytics team. Everything in this folder is found by load_from_defs_folder."""
