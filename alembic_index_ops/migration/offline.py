"""stub while under construction"""
def create_offline(c,o): raise NotImplementedError
def drop_offline(c,o): raise NotImplementedError
