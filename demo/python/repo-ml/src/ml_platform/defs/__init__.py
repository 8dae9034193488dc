"""The assets of the ML platform. Everything in this folder is found by load_from_defs_folder."""
