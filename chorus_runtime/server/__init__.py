"""The server: HTTP in front of one ``Chorus``, and the log it leaves for replay and prediction."""
