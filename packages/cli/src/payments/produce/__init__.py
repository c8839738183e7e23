"""Invented payment events, as realistic as they can be without a real person or card in them."""
