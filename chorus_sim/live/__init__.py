"""What a live server left behind, simulated: replayed, predicted, compared, and calibrated from."""
