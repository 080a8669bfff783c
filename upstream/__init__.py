"""The patch series for kubeedge/sedna, and the script that writes it."""
