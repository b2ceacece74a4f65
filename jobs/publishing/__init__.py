"""Lists in Redis: generations, the pointer, and the way back."""
