"""From the released model to lists with reasons."""
