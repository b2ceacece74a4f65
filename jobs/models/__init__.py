"""Models, one file each, behind one protocol (`base`) and one table of names (`table`)."""
