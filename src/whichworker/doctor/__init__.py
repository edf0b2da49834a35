"""Can this machine be trusted with a measurement?"""
