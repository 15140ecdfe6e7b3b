"""Workers on other machines: Ray actors that hold the model, driven by one server's brain."""
