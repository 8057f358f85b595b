"""The whole stack on this machine: the real template on an emulator of AWS, with a simulator in Marketo's place."""
