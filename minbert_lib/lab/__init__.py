"""filled soon"""
