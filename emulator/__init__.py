"""The emulator: runs program files, counts and checks them."""
