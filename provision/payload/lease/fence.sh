# In front of a batch that writes.

guard "$lease" "$place"
